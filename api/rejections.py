"""Why a declaration was refused, in the caller's language. English is the parser's own sentence, which quotes the value."""

from adapters.catalogue import deferred, translations
from schemas import datasets
from schemas.checks import MAX_OPTIONAL, MAX_REQUIRED
from schemas.declaration import MAX_BYTES, Rejected

MESSAGES = {
    "empty_value": deferred("the request has no body: send the declaration as a JSON object"),
    "too_large": deferred("a declaration has at most %(most)s bytes"),
    "invalid_utf8": deferred("the text is not UTF-8"),
    "not_json": deferred("this is not JSON: send one JSON object a declaration, every field once"),
    "not_object": deferred("a declaration is a JSON object"),
    "too_deep": deferred("arrays or objects are nested too deep: send one flat JSON object"),
    "missing_field": deferred("%(field)s is missing: every declaration must have it"),
    "wrong_type": deferred("%(field)s must be text, in quotes"),
    "wrong_type:number": deferred("%(field)s must be a plain number such as 1234.5, without quotes or separators of thousands"),
    "empty_field": deferred("%(field)s is empty: send its value"),
    "too_long": deferred("%(field)s has more than %(limit)s characters"),
    "bad_character": deferred("%(field)s holds a control character: send plain text"),
    "bad_format": deferred("%(field)s does not have the form that it must have"),
    "bad_format:tariff": deferred("%(field)s must have 6 to 10 digits and nothing else, as in 0901119000"),
    "bad_format:country": deferred("%(field)s must be an ISO 3166-1 alpha-2 code, as in CO"),
    "bad_format:date": deferred("%(field)s must be an RFC 3339 date or date-time, as in 2025-09-30 or 2025-09-30T08:15:00Z"),
    "not_finite": deferred("%(field)s must be a finite number: correct it, or leave the field out"),
    "out_of_range": deferred("%(field)s must be 0 or more"),
    "out_of_range:percent": deferred("%(field)s must be from 0 to 100"),
    "wrong_dataset": deferred("dataset names another dataset than the one that was asked for"),
}
"""By code, and where it depends on it by kind of field."""


def sentence(rejected: Rejected, dataset: str, language: str) -> str:
    """What was wrong with the declaration."""
    if language == "en":
        return rejected.message
    field = next((each for each in datasets.load(dataset).fields if each.name == rejected.field), None)
    kind = "number" if field and field.numeric and rejected.code == "wrong_type" else field.kind if field else ""
    message = MESSAGES.get(f"{rejected.code}:{kind}", MESSAGES[rejected.code])
    told = translations("api", language).gettext(message)
    limit = MAX_REQUIRED if field and field.required else MAX_OPTIONAL
    name = rejected.field or translations("api", language).gettext("a field that the contract does not know")
    return told % {"field": name, "limit": limit, "most": f"{MAX_BYTES:,}"}

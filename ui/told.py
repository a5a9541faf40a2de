"""What the gate and the watch write in English, in the reader's language."""

from __future__ import annotations

import re
from functools import cache

from adapters.catalogue import deferred
from ui import reading, words
from ui.client import Answer
from ui.words import say

REASONS = (
    deferred("the first model, and it passes every floor"),
    deferred("no better than the model in production"),
    deferred("its errors are not finite numbers"),
    deferred("%(measure)s %(before)s -> %(after)s (%(difference)s ± %(error)s)"),
    deferred("%(measure)s %(found)s is below the floor of %(floor)s"),
    deferred("%(measure)s %(found)s (at least %(floor)s)"),
    deferred("%(rows)s that raise an alert: %(before)s -> %(after)s (budget %(budget)s)"),
    deferred("%(found)s of %(rows)s raise an alert (budget %(budget)s)"),
    deferred("%(found)s of %(rows)s raise an alert, more than %(limit)s"),
    deferred("%(found)s of %(rows)s raise an alert, less than %(limit)s"),
    deferred("a batch of a thousand takes %(found)s ms, more than %(limit)s"),
    deferred("a batch of a thousand takes %(before)s -> %(after)s ms"),
    deferred("the exported network is off by %(found)s of the trained one, more than %(limit)s"),
)
"""The sentences of `core.gate`; the first that fits is the one."""

PARTS = {
    each: each
    for each in (deferred("average precision"), deferred("ROC-AUC"), deferred("untouched declarations"), deferred("the last real ones"))
}

NAMED = ("measure", "rows")
NUMBER = r"[+-]?(?:nan|inf|[\d.]+(?:e[+-]?\d+)?%?)"
"""What the places of a sentence hold: one of the PARTS, or a number."""

SIGNALS = {"score": deferred("Score"), "alert rate": deferred("Alert rate"), "verdicts": deferred("Declarations")}
UNKNOWN = "unknown "


def reason(sentence: str) -> str:
    """One of the gate's reasons; one that is not known stays as it was written."""
    for template in REASONS:
        if found := _pattern(template).fullmatch(sentence):
            return say(template, **{name: _part(text) for name, text in found.groupdict().items()}) if found.groupdict() else say(template)
    return sentence


def signal(dataset: str, found: Answer) -> str:
    """What a signal of the watch is about."""
    name = str(found["name"])
    if name in SIGNALS:
        return say(SIGNALS[name])
    if name.startswith(UNKNOWN):
        return say("%(field)s: values that the model does not know", field=reading.title(dataset, name.removeprefix(UNKNOWN)))
    return reading.title(dataset, name)


def measured(found: Answer, value: float) -> str:
    """A signal's value or limit, as its measure is read."""
    if found["measure"] == "share":
        return words.percent(value)
    if found["measure"] == "rows":
        return words.whole(value)
    if found["measure"] == "ratio":
        return say("%(times)s times the usual", times=words.decimal(value, 1))
    return f"{found['measure']} {words.decimal(value)}"


@cache
def _pattern(template: str) -> re.Pattern[str]:
    places = re.split(r"%\((\w+)\)s", template)
    named = "|".join(map(re.escape, PARTS))
    return re.compile(
        "".join(f"(?P<{part}>{named if part in NAMED else NUMBER})" if at % 2 else re.escape(part) for at, part in enumerate(places))
    )


def _part(text: str) -> str:
    """A number as it is written here, or one of the gate's words."""
    if text in PARTS:
        return say(PARTS[text])
    found = re.fullmatch(r"([+-]?)(\d+(?:\.\d+)?)(%?)", text)
    if found is None:
        return text
    sign, digits, percent = found.groups()
    places = len(digits.partition(".")[2])
    told = words.percent(float(digits) / 100, places) if percent else words.decimal(float(digits), places)
    return {"-": "−"}.get(sign, sign) + told

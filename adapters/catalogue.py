"""Catalogues of what people read: gettext's .po files, compiled in memory, so that a translation is one file to edit."""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO

from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("es", "en")
"""The languages that people are spoken to in; the first is the one for whoever does not say."""


@cache
def translations(package: str, language: str) -> NullTranslations:
    """What `<package>/locales/<language>/LC_MESSAGES/<package>.po` says. The messages in the code are in English: in a language
    without a catalogue, that is what is read."""
    file = files(package) / "locales" / language / "LC_MESSAGES" / f"{package}.po"
    if not file.is_file():
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(file.read_bytes()), locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)


@cache
def preferred(accepted: str | None) -> str:
    """The language to answer in, by an Accept-Language header such as `en-GB, es;q=0.7`."""
    wanted = []
    for part in (accepted or "").split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((-float(quality or 1), tag.strip()))
        except ValueError:
            continue
    known = [tag for quality, tag in sorted(wanted, key=lambda pair: pair[0]) if quality < 0]
    return negotiate_locale([tag.split("-")[0].lower() for tag in known], LANGUAGES) or LANGUAGES[0]


def deferred(message: str) -> str:
    """Marks a message for the catalogues where it is written; it is translated where it is shown."""
    return message

"""What the code says to people, to compare catalogues with."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[1]
PLACES = {"deferred": 0, "gettext": 0, "say": 0, "Problem": 2}
"""Which argument of these is a message. The API's own `say` takes a request before it."""


def said(package: str) -> set[str]:
    """The messages that are written in a package's code, those within f-strings too, which Babel's own extractor passes over."""
    return {message for file in sorted((ROOT / package).rglob("*.py")) for message in _of(ast.walk(ast.parse(file.read_text("utf-8"))))}


def translated(package: str, language: str) -> dict[str, Message]:
    """The messages in a catalogue."""
    with (ROOT / package / "locales" / language / "LC_MESSAGES" / f"{package}.po").open("rb") as file:
        return {str(message.id): message for message in read_po(file, locale=language, abort_invalid=True) if message.id}


def _of(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = PLACES.get(name)
            if place is not None:
                arguments = node.args[place : place + 2] if name == "say" else node.args[place : place + 1]
                yield from (each.value for each in arguments if isinstance(each, ast.Constant) and isinstance(each.value, str))

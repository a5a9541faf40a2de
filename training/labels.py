"""Labels beside declarations: JSON lines with a `declaration_id`, the `kind` of oddity and the `fields` to blame."""

from __future__ import annotations

from pathlib import Path

import msgspec

from core.errors import ConfigurationError
from training.alterations import Kind


class _Label(msgspec.Struct):
    declaration_id: str
    kind: str
    fields: tuple[str, ...] = ()


def read(path: Path) -> dict[str, Kind]:
    """What is known of each declaration, by its id, as `vigia simulate --labels` writes it; raises ConfigurationError."""
    kinds: dict[tuple[str, tuple[str, ...]], Kind] = {}
    found = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"the labels {path} cannot be read: {error.strerror}") from None
    for number, line in enumerate(lines, start=1):
        try:
            label = msgspec.json.decode(line, type=_Label)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"line {number} of the labels {path} is no label with declaration_id and kind: {error}") from None
        key = (label.kind, label.fields)
        found[label.declaration_id] = kinds.setdefault(key, Kind(label.kind, label.fields, lambda *_: None))
    return found

"""What a field that no specification names may hold: whatever every JSON reader behind us can read.

An accepted declaration travels on, as it came, inside our own events and into PostgreSQL. Unknown fields are never
scored, but they must not be the value that a consumer stumbles over: a number beyond 64-bit floats, half a surrogate
pair, a NUL, or a nesting that exhausts a stack.
"""

import re
import sys
from collections.abc import Iterable

from schemas.checks import Code, Rejection, shown

MAX_DEPTH = 64
"""How many arrays and objects may lie inside each other in one unknown field."""

UNREADABLE = re.compile(r"[\x00\ud800-\udfff]")


def inspect(fields: Iterable[tuple[str, object]]) -> None:
    """Raises Rejection for the first of these unknown fields that some JSON reader could not take.

    The rejection names no field: an unknown name is the sender's own, and may itself be what is wrong.
    """
    for name, value in fields:
        pending: list[tuple[object, int]] = [(name, 0), (value, 0)]
        while pending:
            item, depth = pending.pop()
            if isinstance(item, str):
                if not item.isprintable() and UNREADABLE.search(item):
                    raise _rejection("bad_character", name, "a NUL or half a surrogate pair", "send plain text")
            elif isinstance(item, (int, float)):
                if not abs(item) <= sys.float_info.max:  # NaN compares with nothing
                    raise _rejection("not_finite", name, "a number beyond 64-bit floats", "send a finite number, or text")
            elif isinstance(item, (list, dict)):
                if depth == MAX_DEPTH:
                    raise _rejection("too_deep", name, f"more than {MAX_DEPTH} levels of nesting", "send it flatter")
                pending += [(inner, depth + 1) for inner in item]
                if isinstance(item, dict):
                    pending += [(inner, depth + 1) for inner in item.values()]


def _rejection(code: Code, name: str, what: str, instead: str) -> Rejection:
    return Rejection(code, None, f"the unknown field {shown(name)} holds {what}: {instead}, or leave the field out")

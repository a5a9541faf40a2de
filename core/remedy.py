"""What change would make an anomalous declaration normal: the fewest fields set to what was expected in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import msgspec

from core.explain import Explanation
from core.scoring import Scorer
from schemas.declaration import Declaration
from schemas.events import Contribution

FIELDS = 6
"""How many of the fields that contribute most are changed."""

VALUES = {1: 3, 2: 3, 3: 1}
"""By the number of fields that are changed together, how many expected values of each are tried: 18 + 135 + 20 copies."""


@dataclass(frozen=True, slots=True)
class Change:
    """A field, what it held, and what would be put into it."""

    field: str
    was: str | float | None
    to: str | float | None


@dataclass(frozen=True, slots=True)
class Remedy:
    """Changes, the score with them, and whether that is no anomaly any more."""

    changes: tuple[Change, ...]
    score: float
    normal: bool


def remedy(scorer: Scorer, declaration: Declaration, explanation: Explanation | None = None) -> Remedy | None:
    """The fewest changes that make the declaration normal, and of those the ones with the lowest score. Where none do, the
    changes with the lowest score. None for a declaration that is no anomaly, or of which nothing can be changed.

    `explanation` is the scorer's of the declaration, where it is known already.
    """
    if not scorer.score([declaration]).anomaly[0]:
        return None
    possible = list(_possible(scorer, explanation or scorer.explain([declaration])[0]))
    best: Remedy | None = None
    for fields, values in VALUES.items():
        tried = [
            changes for some in combinations(possible, fields) for changes in product(*(alternatives[:values] for alternatives in some))
        ]
        if not tried:
            break
        scores = scorer.score([_changed(declaration, changes) for changes in tried]).score
        at = int(scores.argmin())  # the first of equals: of the fields that contribute most
        if best is None or scores[at] < best.score:
            best = Remedy(tried[at], float(scores[at]), bool(scores[at] < scorer.threshold))
        if best.normal:
            break
    return best


def _possible(scorer: Scorer, explanation: Explanation) -> Iterator[tuple[Change, ...]]:
    """For each field that makes the declaration stranger, the strangest first, what else could be in it."""
    declarant = {field.name for field in scorer.spec.fields if field.required and field.kind == "entity"}  # who declares is no mistake
    blamed = [each for each in explanation.contributions if each.contribution > 0 and each.field not in declarant]
    for each in blamed[:FIELDS]:
        if changes := tuple(Change(each.field, each.value, value) for value in _expected(each) if value != each.value):
            yield changes


def _expected(contribution: Contribution) -> list[str | float]:
    """The values that would have been normal in a field, the likeliest first."""
    expected = contribution.expected
    if "values" in expected:
        return [each["value"] for each in expected["values"]]
    return [expected["value"], expected["high"], expected["low"]]


def _changed(declaration: Declaration, changes: tuple[Change, ...]) -> Declaration:
    return msgspec.structs.replace(declaration, **{change.field: change.to for change in changes})

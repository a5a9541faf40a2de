"""The last real declarations, as the archive has them: what a challenger is shadowed on, and what watching looks at."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from adapters.postgres import Database
from adapters.registry import Registered
from schemas.datasets import DatasetSpec
from schemas.declaration import Declaration, Parser

ARRIVED = "SELECT declaration::text FROM declarations WHERE dataset = %s ORDER BY received_at DESC, declaration_id LIMIT %s"
JUDGED = """
SELECT d.declaration::text, v.score FROM verdicts v JOIN declarations d USING (dataset, declaration_id)
WHERE v.dataset = %s AND v.model_version = %s AND v.scored_at > %s ORDER BY v.scored_at DESC LIMIT %s
"""


class Verdicts(NamedTuple):
    """Declarations with the verdicts of one model version on them."""

    declarations: list[Declaration]
    scores: NDArray[np.float64]


def arrived(raw: Database, spec: DatasetSpec, most: int) -> list[Declaration]:
    """The declarations that arrived last, whatever brought them; raises Unavailable."""
    parse = Parser(spec).parse
    with raw.translated(), raw.connect("vigia-flows") as connection:
        found = [parse(row[0].encode()) for row in connection.execute(ARRIVED, [spec.name, most])]
    return [each for each in found if isinstance(each, Declaration)]


def judged(raw: Database, spec: DatasetSpec, model: Registered, since: datetime, most: int) -> Verdicts:
    """The last verdicts of a version on the stream; raises Unavailable."""
    parse = Parser(spec).parse
    with raw.translated(), raw.connect("vigia-flows") as connection:
        rows = connection.execute(JUDGED, [spec.name, model.version, since, most])
        found = [(parse(text.encode()), score) for text, score in rows]
    kept = [(declaration, score) for declaration, score in found if isinstance(declaration, Declaration)]
    return Verdicts([declaration for declaration, _ in kept], np.array([score for _, score in kept]))

"""Companies with habits, from a table whose company ids were drawn independently of everything else.

The rows stay as they are; only the ids move. Rows are laid on a line on which neighbours share port, tariff heading and
country, companies keep their number of declarations, and each gets a few stretches of the line. A share of the rows
keeps a random company, since habits have exceptions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from training.alterations import Row

LOOSE = 0.15
NOISE = 0.1
"""Standard deviation of the noise on the logarithm of amounts, so that no amount repeats exactly."""
_STRETCHES = 3


def relink(rows: Sequence[Row], seed: int) -> list[Row]:
    """The rows with other company ids, each specialised in products, ports and countries."""
    random = np.random.default_rng(seed)
    ids = [each.empresa for each in rows]
    place = {
        value: random.random() for value in sorted({v for r in rows for v in (r.subpartida[:2], r.subpartida[:4], r.pais or "", r.puerto)})
    }
    keys = [(place[r.puerto], place[r.subpartida[:2]], place[r.subpartida[:4]], place[r.pais or ""], random.random()) for r in rows]
    line = sorted(range(len(rows)), key=keys.__getitem__)
    loose = random.random(len(rows)) < LOOSE
    left = Counter(ids)
    for at in np.flatnonzero(loose).tolist():
        left[ids[at]] -= 1  # their own ids are random already: these rows keep them
    stretches = [
        (company, len(part))
        for company, count in sorted(left.items())
        if count
        for part in np.array_split(np.arange(count), min(count, int(random.integers(1, _STRETCHES + 1))))
    ]
    order = random.permutation(len(stretches))
    companies = iter([stretches[s][0] for s in order for _ in range(stretches[s][1])])
    for at in line:
        if not loose[at]:
            ids[at] = next(companies)
    return [msgspec.structs.replace(row, empresa=company) for row, company in zip(rows, ids, strict=True)]


def blur(rows: Sequence[Row], seed: int) -> list[Row]:
    """The rows with log-normal noise on their amounts."""
    random = np.random.default_rng(seed)
    noise = np.exp(NOISE * random.standard_normal((len(rows), 2)))
    return [
        msgspec.structs.replace(
            row,
            valor_fob_usd=None if row.valor_fob_usd is None else row.valor_fob_usd * float(value),
            peso_neto_kg=None if row.peso_neto_kg is None else row.peso_neto_kg * float(weight),
        )
        for row, (value, weight) in zip(rows, noise, strict=True)
    ]

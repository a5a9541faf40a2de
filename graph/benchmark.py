"""How many declarations a second the graph takes: `python -m graph.benchmark [declarations] [batch]`, against NEO4J_URI.

It adds made-up verdicts to that graph, under a topic of their own: use a server that nothing else does.
"""

import random
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from uuid import uuid4

import msgspec

from graph import tariff
from graph.settings import Neo4jSettings
from graph.writer import GraphWriter
from schemas.events import Model, ScoredRecord, ScoredV1, Source, event_id

PORTS = 40
COMPANIES = 35_000
ANOMALOUS = 0.01


def verdicts(seed: int, topic: str) -> Iterator[ScoredRecord]:
    """Endless verdicts of heavy-tailed companies, each with products and ports of its own, some of which it prefers."""
    rng = random.Random(seed)  # noqa: S311  # no secret hangs on it
    codes = [code + "0000" for code in tariff.load().descriptions if len(code) == 6]
    offset = 0
    while True:
        company = min(int(rng.paretovariate(0.6)), COMPANIES)
        habits = random.Random(company)  # noqa: S311  # no secret hangs on it
        products = habits.choices(codes, k=2 + 2000 // (company + 9))
        ports = [f"PUERTO {number}" for number in habits.choices(range(PORTS), k=3)]
        code, port = (choices[int(len(choices) * rng.random() ** 3)] for choices in (products, ports))
        day = date(2025, 1, 1) + timedelta(days=rng.randrange(365))
        identity = {
            "declaration_id": f"{seed}-{offset}",
            "empresa": f"{900_000_000 + company}",
            "subpartida": code,
            "puerto": port,
        }
        declaration = {
            **identity,
            "fecha": day.isoformat(),
            "valor_fob_usd": round(rng.lognormvariate(9, 2), 2),
            "peso_neto_kg": round(rng.lognormvariate(7, 2), 2),
            "pais": "US",
        }
        score = rng.expovariate(2.3)
        yield ScoredRecord(
            topic,
            0,
            offset,
            ScoredV1(
                event_id=event_id(identity["declaration_id"], "exportaciones", "1"),
                **identity,
                dataset="exportaciones",
                scored_at="2025-12-31T00:00:00Z",
                error=score,
                score=score,
                threshold=2.0,
                anomaly=rng.random() < ANOMALOUS,
                severity=None,
                model=Model("autoencoder-exportaciones", "1"),
                source=Source("declarations.exportaciones", 0, offset),
                declaration=msgspec.Raw(msgspec.json.encode(declaration)),
            ),
        )
        offset += 1


def main(declarations: int = 40_000, batch: int = 2_000) -> None:
    """Prints the time that opening takes, and the rate of each fifth of the run."""
    writer = GraphWriter(Neo4jSettings())
    start = time.perf_counter()
    writer.open()
    print(f"open: {time.perf_counter() - start:.2f} s")
    source = verdicts(1, f"benchmark-{uuid4()}")
    rounds = [[next(source) for _ in range(batch)] for _ in range(declarations // batch)]
    start = time.perf_counter()
    for number, records in enumerate(rounds, 1):
        before = time.perf_counter()
        writer.apply(records)
        print(f"batch {number}: {batch / (time.perf_counter() - before):,.0f} declarations/s")
    print(f"together: {len(rounds) * batch / (time.perf_counter() - start):,.0f} declarations/s in batches of {batch:,}")
    writer.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

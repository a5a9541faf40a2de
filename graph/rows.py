"""A coalesced batch as the parameters of the statements in `write/`.

Most of a batch's time goes to the driver packing parameters: rows are therefore short lists, not maps, and a date is
its index in `dias`, which together is three times as fast. Rows are sorted, so that writers that run at the same time
take their locks in the same order.
"""

from collections.abc import Iterator
from typing import Any

from graph.coalesce import Batch, Key, Tally
from graph.tariff import Tariff

Parameters = dict[str, Any]


def statements(batch: Batch, tariff: Tariff) -> Iterator[tuple[str, Parameters]]:
    """The files of `write/` to run, in order, each with its parameters: nodes before what joins them."""
    yield "empresas", {"filas": sorted({empresa for _, empresa, _ in batch.opera_en})}
    yield "puertos", {"filas": sorted({puerto for _, _, puerto in batch.opera_en})}
    codes = sorted({subpartida for _, subpartida, _ in batch.sale_por})
    yield "subpartidas", {"filas": [[code, tariff.describe(code)] for code in codes]}
    yield "declara", _relations(batch.declara)
    yield "opera_en", _relations(batch.opera_en)
    yield "sale_por", _relations(batch.sale_por)
    if batch.anomalias:
        yield "anomalias", {"filas": [_anomaly(batch, event_id) for event_id in sorted(batch.anomalias)]}


def _relations(tallies: dict[Key, Tally]) -> Parameters:
    """Rows of the key, the figures, and the sums of `campos` in their order (None: never declared)."""
    campos = sorted({name for tally in tallies.values() for name in tally.sumas})
    dias = sorted({day for tally in tallies.values() for day in (tally.primera_fecha, tally.ultima_fecha) if day})
    index = {day: number for number, day in enumerate(dias)}
    filas = []
    for key in sorted(tallies):
        tally = tallies[key]
        days = (tally.primera_fecha and index[tally.primera_fecha], tally.ultima_fecha and index[tally.ultima_fecha])
        sums = [tally.sumas.get(name) for name in campos]
        filas.append([*key, tally.declaraciones, tally.anomalias, tally.score_maximo, *days, sums])
    return {"campos": campos, "dias": dias, "filas": filas}


def _anomaly(batch: Batch, event_id: str) -> list[Any]:
    verdict, properties = batch.anomalias[event_id]
    return [event_id, verdict.empresa, verdict.subpartida, verdict.puerto, properties]

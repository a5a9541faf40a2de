"""A coalesced batch says what a naive group-by over the same verdicts says."""

import json
import math
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from graph import rows, tariff
from graph.coalesce import Tally, coalesce
from schemas.events import ScoredRecord
from tests.trade import Trade

TRADE = Trade()

verdicts = st.builds(
    TRADE.verdict,
    empresa=st.sampled_from("ABC"),
    subpartida=st.sampled_from(["090111", "0901119000", "110100"]),
    puerto=st.sampled_from(["CARTAGENA", "BUENAVENTURA"]),
    dataset=st.sampled_from(["exportaciones", "sustancias_controladas"]),
    anomaly=st.booleans(),
    score=st.floats(0, 8),
    fecha=st.one_of(st.none(), st.dates(date(2024, 1, 1), date(2025, 12, 31)).map(str), st.just("2025-09-30T23:59:59-05:00")),
    valor_fob_usd=st.one_of(st.none(), st.floats(0, 1e9)),
    peso_neto_kg=st.one_of(st.none(), st.floats(0, 1e6)),
)
batches = st.lists(verdicts, max_size=30).map(lambda found: [ScoredRecord(TRADE.topic, 0, n, verdict) for n, verdict in enumerate(found)])


def declared(verdict) -> dict:
    return json.loads(bytes(verdict.declaration))


def agrees(tally: Tally, group: list) -> None:
    days = sorted(fecha[:10] for verdict in group if (fecha := declared(verdict).get("fecha")))
    assert tally.declaraciones == len(group)
    assert tally.anomalias == sum(verdict.anomaly for verdict in group)
    assert tally.score_maximo == max(verdict.score for verdict in group)
    assert tally.primera_fecha == (date.fromisoformat(days[0]) if days else None)
    assert tally.ultima_fecha == (date.fromisoformat(days[-1]) if days else None)
    for name in ("valor_fob_usd", "peso_neto_kg"):
        amounts = [amount for verdict in group if (amount := declared(verdict).get(name)) is not None]
        assert (name in tally.sumas) == bool(amounts)
        assert not amounts or math.isclose(tally.sumas[name], math.fsum(amounts), rel_tol=1e-9)


@given(batches)
def test_every_relation_agrees_with_a_naive_group_by(records):
    batch = coalesce(records)
    for tallies, fields in (
        (batch.declara, ("dataset", "empresa", "subpartida", "puerto")),
        (batch.opera_en, ("dataset", "empresa", "puerto")),
        (batch.sale_por, ("dataset", "subpartida", "puerto")),
    ):
        groups: dict[tuple, list] = {}
        for record in records:
            groups.setdefault(tuple(getattr(record.verdict, field) for field in fields), []).append(record.verdict)
        assert tallies.keys() == groups.keys()
        for key, group in groups.items():
            agrees(tallies[key], group)
    assert batch.anomalias.keys() == {record.verdict.event_id for record in records if record.verdict.anomaly}


@given(batches)
def test_rows_are_sorted_and_dates_are_found_again_by_their_index(records):
    batch = coalesce(records)
    for name, parameters in rows.statements(batch, tariff.load()):
        keys = [row[:4] if isinstance(row, list) else row for row in parameters["filas"]]
        if name != "anomalias":
            assert keys == sorted(keys)
        if name == "declara":
            for row in parameters["filas"]:
                tally = batch.declara[tuple(row[:4])]
                assert [None if index is None else parameters["dias"][index] for index in row[7:9]] == [
                    tally.primera_fecha,
                    tally.ultima_fecha,
                ]


def test_an_amount_without_a_unit_is_never_added_up():
    tally = coalesce([TRADE.record(0, cantidad=3.0, peso_bruto_kg=2.0)]).declara.popitem()[1]
    assert tally.sumas == {"peso_bruto_kg": 2.0}


def test_a_declaration_that_this_version_cannot_parse_is_counted_all_the_same():
    tally = coalesce([TRADE.record(0, valor_fob_usd="mucho")]).declara.popitem()[1]
    assert (tally.declaraciones, tally.sumas) == (1, {})


def test_an_anomaly_keeps_what_was_declared_and_what_was_found():
    verdict = TRADE.verdict(anomaly=True, score=3.5, contraparte="ACME", fecha="2025-09-30", dataset="exportaciones")
    _, properties = coalesce([ScoredRecord(TRADE.topic, 0, 0, verdict)]).anomalias[verdict.event_id]
    assert properties["contraparte"] == "ACME"
    assert properties["fecha"] == date(2025, 9, 30)
    assert (properties["score"], properties["severity"], properties["model_version"]) == (3.5, "high", "1")

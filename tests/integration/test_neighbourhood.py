"""What is around something in a real Neo4j: all of it where it is little, the strangest of it where it is much."""

from collections.abc import Iterator
from datetime import date

import neo4j
import pytest

from graph import neighbourhood as module
from graph.connection import connect
from graph.neighbourhood import ANOMALIES, NotInGraph, neighbourhood
from graph.settings import Neo4jSettings
from graph.writer import GraphWriter
from tests.trade import Trade


@pytest.fixture(scope="module")
def driver(neo4j_settings: Neo4jSettings) -> Iterator[neo4j.Driver]:
    with connect(neo4j_settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def writer(neo4j_settings: Neo4jSettings) -> Iterator[GraphWriter]:
    opened = GraphWriter(neo4j_settings)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def small(writer: GraphWriter) -> Trade:
    """Two companies that share a code, one of them with an anomaly in another port."""
    trade = Trade()
    records = [
        trade.record(0, empresa="A", subpartida="090111", puerto="NORTE", fecha="2026-01-10", valor_fob_usd=10),
        trade.record(1, empresa="A", subpartida="090111", puerto="SUR", fecha="2026-03-10", anomaly=True, score=4.0),
        trade.record(2, empresa="B", subpartida="090111", puerto="NORTE", fecha="2026-02-10"),
        trade.record(3, empresa="B", subpartida="270900", puerto="NORTE", fecha="2026-02-11", dataset="sustancias_controladas"),
    ]
    writer.apply(records)
    return trade


def names(found, kind: str) -> set[str]:
    return {node.name.rpartition(" ")[2] for node in found.nodes if node.kind == kind}


def test_one_step_from_a_company_are_its_codes_ports_and_anomalies(driver, small):
    found = neighbourhood(driver, "empresa", f"{small.mark} A", depth=1)
    assert found.center == f"empresa:{small.mark} A"
    assert names(found, "empresa") == {"A"}
    assert names(found, "subpartida") == {"090111"}
    assert names(found, "puerto") == {"NORTE", "SUR"}
    (anomaly,) = [node for node in found.nodes if node.kind == "anomalia"]
    assert (anomaly.score_max, anomaly.properties["fecha"]) == (4.0, "2026-03-10")
    assert {edge.target for edge in found.edges if edge.source == anomaly.id} == {
        f"empresa:{small.mark} A",
        "subpartida:090111",
        f"puerto:{small.mark} SUR",
    }
    assert not found.truncated


def test_two_steps_reach_who_shares_a_code(driver, small):
    found = neighbourhood(driver, "puerto", f"{small.mark} SUR", depth=2)
    assert {f"{small.mark} A", f"{small.mark} B"} <= {node.name for node in found.nodes}
    assert "09" in {node.name for node in found.nodes if node.kind == "capitulo"}
    ids = {node.id for node in found.nodes}
    assert all(edge.source in ids and edge.target in ids for edge in found.edges)


def test_a_relation_carries_its_figures_as_json_has_them(driver, small):
    found = neighbourhood(driver, "empresa", f"{small.mark} A", depth=1)
    (north,) = [edge for edge in found.edges if edge.kind == "DECLARA" and edge.properties["puerto"].endswith("NORTE")]
    assert north.properties["primera_fecha"] == "2026-01-10"
    assert (north.properties["declaraciones"], north.properties["valor_fob_usd"], north.anomalies) == (1, 10.0, 0)
    company = next(node for node in found.nodes if node.kind == "empresa")
    assert (company.anomalies, company.score_max) == (1, 4.0)


def test_a_period_and_a_dataset_leave_out_what_is_not_of_them(driver, small):
    march = neighbourhood(driver, "empresa", f"{small.mark} A", depth=1, since=date(2026, 3, 1), until=date(2026, 3, 31))
    assert names(march, "puerto") == {"SUR"}
    substances = neighbourhood(driver, "empresa", f"{small.mark} B", depth=1, dataset="sustancias_controladas")
    assert names(substances, "subpartida") == {"270900"}


def test_a_hub_shows_the_strangest_first_and_says_that_there_is_more(driver, writer):
    trade = Trade()
    writer.apply([trade.record(at, empresa=f"E{at}", puerto="EJE", anomaly=at % 50 == 7, score=3.0 + at / 1e4) for at in range(2_000)])
    found = neighbourhood(driver, "puerto", f"{trade.mark} EJE", depth=3, limit=60)
    assert found.truncated
    assert 30 < len(found.nodes) <= 60
    anomalies = [node for node in found.nodes if node.kind == "anomalia"]
    assert len(anomalies) == min(ANOMALIES, 15)
    assert [node.score_max for node in anomalies] == sorted((node.score_max for node in anomalies), reverse=True)
    assert anomalies[0].score_max == 3.0 + 1957 / 1e4
    again = neighbourhood(driver, "puerto", f"{trade.mark} EJE", depth=3, limit=60)
    assert again == found


def test_what_is_not_in_the_graph_is_said_to_be_missing(driver):
    with pytest.raises(NotInGraph, match="NADIE"):
        neighbourhood(driver, "empresa", "NADIE", depth=1)


def test_a_companys_anomalies_are_told_even_where_only_its_ports_are_shown(driver, small):
    found = neighbourhood(driver, "puerto", f"{small.mark} SUR", depth=1)
    companies = {
        node.name.removeprefix(f"{small.mark} "): (node.anomalies, node.score_max) for node in found.nodes if node.kind == "empresa"
    }
    assert companies == {"A": (1, 4.0)}


def test_what_is_near_leaves_room_for_what_is_farther_away(driver, writer):
    trade = Trade()
    writer.apply([trade.record(at, empresa=f"E{at}", subpartida=f"9601{at % 3:02d}", puerto=f"P{at % 2}") for at in range(200)])
    near = neighbourhood(driver, "puerto", f"{trade.mark} P0", depth=1, limit=40)
    far = neighbourhood(driver, "puerto", f"{trade.mark} P0", depth=2, limit=40)
    assert f"puerto:{trade.mark} P1" not in {node.id for node in near.nodes}
    assert f"puerto:{trade.mark} P1" in {node.id for node in far.nodes}
    assert len(near.nodes) == 40
    assert len(far.nodes) <= 40


def test_a_node_with_more_relations_than_there_is_time_for_is_shown_and_not_followed(driver, writer, monkeypatch):
    trade = Trade()
    records = [trade.record(at, empresa=f"E{at}", subpartida="960200", puerto="EJE") for at in range(60)]
    writer.apply([*records, trade.record(60, empresa="X", subpartida="960300", puerto="EJE")])
    company = f"{trade.mark} X"
    followed = neighbourhood(driver, "empresa", company, depth=2)
    monkeypatch.setattr(module, "EXAMINED", 30)
    bounded = neighbourhood(driver, "empresa", company, depth=2)
    others = {f"{trade.mark} E{at}" for at in range(60)}
    assert others & {node.name for node in followed.nodes}
    assert not others & {node.name for node in bounded.nodes}
    assert f"puerto:{trade.mark} EJE" in {node.id for node in bounded.nodes}
    assert bounded.truncated
    center = neighbourhood(driver, "puerto", f"{trade.mark} EJE", depth=1)
    assert others <= {node.name for node in center.nodes}, "the centre itself is always followed"


def test_a_chapter_shows_its_anomalies_and_its_strangest_codes(driver, writer):
    trade = Trade()
    codes = [f"9701{at:02d}" for at in range(30)]
    quiet = [trade.record(at, subpartida=code) for at, code in enumerate(codes)]
    odd = trade.record(30, subpartida="970129", anomaly=True, score=7.5)
    said = trade.said(0, odd.verdict, "dismissed", note="una subasta")
    writer.apply([*quiet, odd, said])
    found = neighbourhood(driver, "capitulo", "97", depth=1, limit=12)
    assert found.truncated
    (anomaly,) = [node for node in found.nodes if node.id == f"anomalia:{odd.verdict.event_id}"]
    assert (anomaly.properties["revision"], anomaly.properties["revision_nota"]) == ("descartada", "una subasta")
    assert "970129" in {node.name for node in found.nodes if node.kind == "subpartida"}
    chapter = next(node for node in found.nodes if node.id == found.center)
    assert chapter.anomalies >= 1
    assert chapter.score_max >= 7.5
    ends = {edge.source for edge in found.edges if edge.kind == "PERTENECE_A"}
    assert {node.id for node in found.nodes if node.kind == "subpartida"} == ends


def test_a_busy_code_is_shown_with_its_chapter_however_many_companies_declare_it(driver, writer):
    trade = Trade()
    writer.apply([trade.record(at, empresa=f"E{at}", subpartida="930120") for at in range(60)])
    found = neighbourhood(driver, "subpartida", "930120", depth=1, limit=20)
    assert "capitulo:93" in {node.id for node in found.nodes}
    assert (len(found.nodes), found.truncated) == (20, True)


def test_an_anomaly_that_is_known_only_by_what_was_said_of_it_is_not_shown(driver, writer):
    trade = Trade()
    seen, unseen = trade.record(0, anomaly=True, score=4.0), trade.verdict(anomaly=True)
    writer.apply([seen, trade.said(0, seen.verdict), trade.said(1, unseen)])
    found = neighbourhood(driver, "empresa", seen.verdict.empresa, depth=3)
    shown = {node.id for node in found.nodes if node.kind == "anomalia"}
    assert f"anomalia:{seen.verdict.event_id}" in shown
    assert f"anomalia:{unseen.event_id}" not in shown

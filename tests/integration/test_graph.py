"""What an analyst finds in a real Neo4j after the writer has been there."""

from datetime import date

import neo4j
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from cli.graph import app
from core.errors import ConfigurationError, Unavailable
from graph import questions, rebuild, schema
from graph.settings import Neo4jSettings
from graph.writer import GraphWriter, PositionLost


def rows(driver: neo4j.Driver, query: str, **parameters: object) -> list[list[object]]:
    return [list(record.values()) for record in driver.execute_query(query, parameters).records]


def test_a_relation_adds_up_what_was_declared_and_keeps_real_dates(writer, driver, trade):
    writer.apply(
        [
            trade.record(0, fecha="2025-03-02", valor_fob_usd=100.5, peso_neto_kg=10, score=0.2),
            trade.record(1, fecha="2025-01-31T10:00:00Z", valor_fob_usd=50, score=3.0, anomaly=True),
        ]
    )
    writer.apply([trade.record(2, fecha="2025-12-01", peso_neto_kg=5), trade.record(3)])
    for pattern in ("(:Empresa {id: $empresa})-[r:DECLARA]->(:Subpartida)", "(:Empresa {id: $empresa})-[r:OPERA_EN]->(:Puerto)"):
        (found,) = rows(driver, f"MATCH {pattern} RETURN properties(r)", empresa=f"{trade.mark} ABC")[0]
        found.pop("puerto", None)
        assert {**found, "primera_fecha": found["primera_fecha"].to_native(), "ultima_fecha": found["ultima_fecha"].to_native()} == {
            "dataset": "exportaciones",
            "declaraciones": 4,
            "anomalias": 1,
            "score_maximo": 3.0,
            "valor_fob_usd": 150.5,
            "peso_neto_kg": 15.0,
            "primera_fecha": date(2025, 1, 31),
            "ultima_fecha": date(2025, 12, 1),
        }


def test_there_is_one_relation_per_empresa_subpartida_and_puerto(writer, driver, trade):
    triples = [(f"E{n % 5}", ("090111", "0901119000")[n % 2], f"P{n % 3}") for n in range(90)]
    records = [trade.record(n, empresa=e, subpartida=s, puerto=p) for n, (e, s, p) in enumerate(triples)]
    for start in range(0, 90, 20):
        writer.apply(records[start : start + 20])
    mark = {"mark": trade.mark}
    assert rows(driver, "MATCH (e:Empresa)-[d:DECLARA]->() WHERE e.id STARTS WITH $mark RETURN count(d), sum(d.declaraciones)", **mark) == [
        [len(set(triples)), 90]
    ]
    assert rows(
        driver, "MATCH (e:Empresa)-[o:OPERA_EN]->() WHERE e.id STARTS WITH $mark RETURN count(o), sum(o.declaraciones)", **mark
    ) == [[len({(e, p) for e, _, p in triples}), 90]]
    assert rows(
        driver, "MATCH ()-[o:SALE_POR]->(p:Puerto) WHERE p.nombre STARTS WITH $mark RETURN count(o), sum(o.declaraciones)", **mark
    ) == [[len({(s, p) for _, s, p in triples}), 90]]


def test_a_national_code_hangs_under_its_heading_and_chapter_with_descriptions(writer, driver, trade):
    writer.apply([trade.record(0, subpartida="0901119000")])
    query = """
        MATCH (s:Subpartida {codigo: '0901119000'})-[:PERTENECE_A]->(p:Partida)-[:PERTENECE_A]->(c:Capitulo)
        RETURN s.sa6, s.descripcion, p.codigo, p.descripcion STARTS WITH 'Coffee', c.codigo, c.descripcion
    """
    assert rows(driver, query) == [["090111", "Coffee; not roasted or decaffeinated", "0901", True, "09", "Coffee, tea, mate and spices"]]


def test_a_code_outside_the_tariff_hangs_under_a_heading_without_description(writer, driver, trade):
    writer.apply([trade.record(0, subpartida="770199")])
    query = """
        MATCH (s:Subpartida {codigo: '770199'})-[:PERTENECE_A]->(p:Partida)-[:PERTENECE_A]->(c:Capitulo)
        RETURN s.descripcion, p.codigo, c.codigo
    """
    assert rows(driver, query) == [[None, "7701", "77"]]


def test_an_anomaly_points_at_its_empresa_subpartida_and_puerto(writer, driver, trade):
    records = [trade.record(0), trade.record(1, anomaly=True, score=4.0, fecha="2025-05-01", contraparte="ACME GMBH", valor_fob_usd=9.5)]
    writer.apply(records)
    query = """
        MATCH (a:Anomalia)-[:INVOLUCRA]->(e:Empresa) WHERE e.id STARTS WITH $mark
        MATCH (a)-[:INVOLUCRA]->(s:Subpartida) MATCH (a)-[:INVOLUCRA]->(p:Puerto)
        RETURN a.event_id, e.id, s.codigo, p.nombre, a.score, a.severity, a.fecha, a.contraparte, a.valor_fob_usd, a.declaration_id
    """
    verdict = records[1].verdict
    ((*found,),) = rows(driver, query, mark=trade.mark)
    found[6] = found[6].to_native()
    place = [verdict.event_id, verdict.empresa, "090111", verdict.puerto]
    assert found == [*place, 4.0, "high", date(2025, 5, 1), "ACME GMBH", 9.5, verdict.declaration_id]


def test_rehearsing_leaves_nothing_behind(writer, driver):
    assert rows(driver, "MATCH (n) WHERE n.id = 'ensayo' OR n.event_id = 'ensayo' OR n.nombre = 'ENSAYO' RETURN count(n)") == [[0]]


def test_the_whole_tariff_is_there_once_however_often_it_is_prepared(writer, driver):
    schema.prepare(driver)
    schema.prepare(driver)
    assert rows(driver, "MATCH (c:Capitulo) WHERE c.descripcion IS NOT NULL RETURN count(c)") == [[97]]
    assert rows(driver, "MATCH (p:Partida)-[r:PERTENECE_A]->() WHERE p.descripcion IS NOT NULL RETURN count(p), count(r)") == [[1229, 1229]]


def test_a_wrong_password_names_the_setting(neo4j_settings):
    wrong = neo4j_settings.model_copy(update={"password": SecretStr("wrong")})
    with pytest.raises(ConfigurationError, match="NEO4J_PASSWORD"):
        GraphWriter(wrong).open()


def test_an_address_of_no_known_kind_names_the_setting():
    with pytest.raises(ConfigurationError, match="NEO4J_URI"):
        GraphWriter(Neo4jSettings(uri="postgres://127.0.0.1:1")).open()


@pytest.mark.parametrize("question", questions.load_all().values(), ids=lambda question: question.name)
def test_every_question_has_an_answer(question, writer, driver, trade):
    abc = f"{trade.mark} ABC"
    rival = f"{trade.mark} RIVAL"
    usual = [trade.record(n, fecha="2025-02-01", valor_fob_usd=100, peso_neto_kg=10, empresa=rival if n % 2 else "ABC") for n in range(60)]
    odd = trade.record(
        60, puerto="LETICIA", fecha="2025-11-01", anomaly=True, score=5.0, contraparte=f"X{trade.mark}", valor_fob_usd=900, peso_neto_kg=1
    )
    other = trade.record(
        61, empresa="OTRA", fecha="2025-11-01", anomaly=True, score=5.0, contraparte=f"X{trade.mark}", valor_fob_usd=9000, peso_neto_kg=1
    )
    unseen = trade.verdict(subpartida="090111")  # judged by an analyst, and not in the graph
    writer.apply([*usual, odd, other, trade.said(0, odd.verdict), trade.said(1, unseen)])
    given = {
        "empresa": abc,
        "subpartida": "090111",
        "capitulo": "09",
        "desde": "2025-10-01",
        "participacion_maxima": "0.9",
        "declaraciones_minimas": "1",
    }
    known = {parameter.name for parameter in question.parameters}
    columns, answer = questions.ask(driver, question.name, {name: value for name, value in given.items() if name in known})
    assert answer, "the question finds nothing in a graph that was made to have an answer"
    assert all(len(row) == len(columns) for row in answer)


def test_an_unknown_question_or_parameter_says_what_there_is(driver):
    with pytest.raises(ConfigurationError, match="vecindario_empresa"):
        questions.ask(driver, "nada", {})
    with pytest.raises(ConfigurationError, match="capitulo, limite"):
        questions.ask(driver, "anomalias_capitulo", {"capitulo": "09", "puerto": "X"})
    with pytest.raises(ConfigurationError, match="esos parámetros"):
        questions.ask(driver, "estrenos", {"desde": "ayer"})


def test_the_command_asks_and_answers(writer, trade, neo4j_settings, monkeypatch):
    monkeypatch.setenv("NEO4J_URI", neo4j_settings.uri)
    monkeypatch.setenv("NEO4J_PASSWORD", neo4j_settings.password.get_secret_value())
    writer.apply([trade.record(0)])
    run = CliRunner().invoke
    assert "puertos_inusuales" in run(app, ["ask", "--list"]).output
    answer = run(app, ["ask", "vecindario_empresa", "--param", f"empresa={trade.mark} ABC", "--json"])
    assert answer.exit_code == 0
    assert '"subpartida": "090111"' in answer.output
    assert run(app, ["schema"]).exit_code == 0


def test_emptied_the_graph_is_made_again_from_the_start_by_a_new_writer(writer, driver, trade, neo4j_settings):
    records = trade.records(0, 4, anomaly=True)
    writer.apply(records[:3])
    rebuild.empty(driver)
    with pytest.raises(PositionLost, match="start the graph writer again"):
        writer.apply(records[3:])
    successor = GraphWriter(neo4j_settings)
    successor.open()
    assert successor.positions([(trade.topic, 0)]) == {}
    successor.apply(records)
    successor.close()
    assert rows(driver, "MATCH (e:Empresa)-[d:DECLARA]->() WHERE e.id STARTS WITH $mark RETURN d.declaraciones", mark=trade.mark) == [[4]]


def test_while_it_is_being_emptied_nothing_is_written(writer, driver, trade):
    driver.execute_query("CREATE (:Vaciado)")
    try:
        with pytest.raises(Unavailable, match="vigia graph rebuild"):
            writer.apply(trade.records(0, 1))
        with pytest.raises(Unavailable, match="vigia graph rebuild"):
            writer.positions([(trade.topic, 0)])
    finally:
        driver.execute_query("MATCH (x:Vaciado) DELETE x")
    assert rows(driver, "MATCH (e:Empresa) WHERE e.id STARTS WITH $mark RETURN count(e)", mark=trade.mark) == [[0]]

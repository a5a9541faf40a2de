"""What an analyst said of an anomaly, in a real Neo4j: with its verdict in whatever order, once, the last word holding."""

from datetime import UTC, datetime
from itertools import permutations

import neo4j

from adapters.kafka import TopicSettings
from graph import questions, rebuild
from graph.writer import GraphWriter
from schemas.events import FeedbackV1
from tests.trade import Trade


def anomaly(driver: neo4j.Driver, event_id: str) -> dict[str, object]:
    query = "MATCH (a:Anomalia {event_id: $id}) RETURN properties(a) AS found, COUNT { (a)-[:INVOLUCRA]->() } AS involved"
    (row,) = driver.execute_query(query, id=event_id).records
    return {**row["found"], "involved": row["involved"]}


def revision(driver: neo4j.Driver, event_id: str) -> tuple[object, ...]:
    found = anomaly(driver, event_id)
    return found["revision"], found["revision_por"], found["revision_nota"], found["revision_en"].to_native()


def test_it_reads_feedback_whatever_its_topic_is_called(writer):
    assert writer.reads(TopicSettings(feedback="comentarios"))["comentarios"] is FeedbackV1


def test_an_anomaly_carries_what_was_said_of_it_by_whom_and_when(writer, driver, trade):
    odd = trade.record(0, anomaly=True, score=4.0)
    note = "«Ñandú» 'comillas' \"dobles\" \\ {id: 1} $x\n\x00 🚢"
    writer.apply([odd])
    writer.apply([trade.said(0, odd.verdict, "dismissed", note, "Luis Peña", "10:20:30.456")])
    moment = datetime(2025, 10, 1, 10, 20, 30, 456_000, tzinfo=UTC)
    assert revision(driver, odd.verdict.event_id) == ("descartada", "Luis Peña", note, moment)
    assert (anomaly(driver, odd.verdict.event_id)["score"], anomaly(driver, odd.verdict.event_id)["involved"]) == (4.0, 3)


def test_whichever_comes_first_the_graph_is_the_same(writer, driver, trade):
    odd = trade.record(0, anomaly=True, score=4.0, fecha="2025-05-01")
    said = trade.said(0, odd.verdict, note="mirar")
    ends = []
    for batches in ([[odd], [said]], [[said], [odd]], [[said, odd]], [[odd, said]]):
        for batch in batches:
            writer.apply(batch)
        ends.append(anomaly(driver, odd.verdict.event_id))
        driver.execute_query("MATCH (a:Anomalia {event_id: $id}) DETACH DELETE a", id=odd.verdict.event_id)
        driver.execute_query("MATCH (x:Posicion) WHERE x.topic IN $topics DELETE x", topics=[trade.topic, trade.feedback_topic])
        writer.positions([(trade.topic, 0), (trade.feedback_topic, 0)])
    assert (ends[0]["revision"], ends[0]["score"], ends[0]["involved"]) == ("confirmada", 4.0, 3)
    assert ends == ends[:1] * 4


def test_the_last_word_holds_in_whatever_order_the_words_arrive(writer, driver, trade):
    for together in (True, False):
        for order in permutations([("confirmed", "08:00:00.000"), ("dismissed", "08:00:00.001"), ("confirmed", "07:00:00.000")]):
            odd, start = trade.verdict(anomaly=True), next_offset(writer, trade)
            words = [trade.said(start + n, odd, verdict, at=at) for n, (verdict, at) in enumerate(order)]
            for batch in [words] if together else [[word] for word in words]:
                writer.apply(batch)
            assert revision(driver, odd.event_id)[0] == "descartada"


def test_of_two_words_of_the_same_moment_the_greater_id_holds(writer, driver, trade):
    for first, second in (("ana", "luis"), ("luis", "ana")):
        odd, start = trade.verdict(anomaly=True), next_offset(writer, trade)
        words = [trade.said(start, odd, who=first), trade.said(start + 1, odd, who=second)]
        for word in words:
            writer.apply([word])
        assert revision(driver, odd.event_id)[1] == max(words, key=lambda word: word.feedback.feedback_id).feedback.who


def test_it_keeps_the_position_of_feedback_and_applies_it_once(writer, driver, trade, neo4j_settings):
    odd = trade.record(0, anomaly=True)
    words = [trade.said(0, odd.verdict), trade.said(1, odd.verdict, "dismissed", at="09:30:00.000")]
    writer.apply([odd, *words])
    after = anomaly(driver, odd.verdict.event_id)
    partitions = [(trade.topic, 0), (trade.feedback_topic, 0)]
    assert writer.positions(partitions) == dict(zip(partitions, (1, 2), strict=True))
    successor = GraphWriter(neo4j_settings)
    successor.open()
    successor.apply([odd, *words])
    successor.close()
    assert anomaly(driver, odd.verdict.event_id) == after


def test_a_graph_that_was_made_before_there_was_feedback_reads_it_from_its_start(writer, driver, trade):
    odd = trade.record(5, anomaly=True)
    writer.apply([odd])
    assert (trade.feedback_topic, 0) not in writer.positions([(trade.topic, 0), (trade.feedback_topic, 0)])
    writer.apply([trade.said(0, odd.verdict)])
    assert revision(driver, odd.verdict.event_id)[0] == "confirmada"


def test_after_a_rebuild_feedback_comes_back_from_the_start_of_its_topic(writer, driver, trade, neo4j_settings):
    odd = trade.record(0, anomaly=True)
    said = trade.said(0, odd.verdict)
    writer.apply([odd, said])
    before = anomaly(driver, odd.verdict.event_id)
    rebuild.empty(driver)
    successor = GraphWriter(neo4j_settings)
    successor.open()
    assert successor.positions([(trade.topic, 0), (trade.feedback_topic, 0)]) == {}
    successor.apply([said])
    successor.apply([odd])
    successor.close()
    assert anomaly(driver, odd.verdict.event_id) == before


def test_a_question_shows_what_was_said_and_no_anomaly_that_is_not_there(writer, driver, trade):
    odd, unseen = trade.record(0, subpartida="971110", anomaly=True, score=9.0), trade.verdict(subpartida="971110", anomaly=True)
    writer.apply([odd, trade.said(0, odd.verdict, note="pedir el conocimiento de embarque"), trade.said(1, unseen, "dismissed")])
    columns, rows = questions.ask(driver, "anomalias_capitulo", {"capitulo": "97"})
    answers = [dict(zip(columns, row, strict=True)) for row in rows]
    (shown,) = [each for each in answers if each["declaration_id"] == odd.verdict.declaration_id]
    assert (shown["revision"], shown["revision_por"], shown["revision_nota"]) == ("confirmada", "ana", "pedir el conocimiento de embarque")
    assert unseen.declaration_id not in {each["declaration_id"] for each in answers}
    asked = {"declaraciones_minimas": "1", "limite": "10000"}
    columns, rows = questions.ask(driver, "empresas_con_mas_anomalias", asked)
    (company,) = [each for each in (dict(zip(columns, row, strict=True)) for row in rows) if each["empresa"] == odd.verdict.empresa]
    assert (company["anomalias"], company["confirmadas"], company["descartadas"]) == (1, 1, 0)


def next_offset(writer: GraphWriter, trade: Trade) -> int:
    partition = (trade.feedback_topic, 0)
    return writer.positions([partition]).get(partition, 0)

"""What is counted on the nodes that are shown, and how the graph's values become JSON."""

import json
from datetime import UTC

import neo4j.time

from graph.shown import Edge, Node, count, plain


def nodes(*identifiers: str) -> dict[str, Node]:
    return {identifier: Node(id=identifier, kind=identifier.partition(":")[0], name=identifier) for identifier in identifiers}


def edge(kind: str, source: str, target: str, anomalies: int, score: float | None = None, puerto: str = "") -> Edge:
    return Edge(
        id=f"{kind}{source}{target}{puerto}",
        source=source,
        target=target,
        kind=kind,
        anomalies=anomalies,
        properties={"score_maximo": score},
    )


def test_the_anomalies_of_a_node_are_those_of_the_kind_of_relation_that_has_most() -> None:
    shown = nodes("empresa:A", "subpartida:090111", "puerto:P", "puerto:Q")
    edges = [
        edge("DECLARA", "empresa:A", "subpartida:090111", 2, 3.0, "P"),
        edge("DECLARA", "empresa:A", "subpartida:090111", 1, 5.5, "Q"),
        edge("OPERA_EN", "empresa:A", "puerto:P", 2, 3.0),
        edge("SALE_POR", "subpartida:090111", "puerto:P", 7, 4.0),
    ]
    count(shown, edges)
    assert {node.id: (node.anomalies, node.score_max) for node in shown.values()} == {
        "empresa:A": (3, 5.5),
        "subpartida:090111": (7, 5.5),
        "puerto:P": (7, 4.0),
        "puerto:Q": (0, None),
    }


def test_an_anomaly_counts_as_itself_and_adds_nothing_to_what_it_involves() -> None:
    shown = nodes("empresa:A", "anomalia:x")
    shown["anomalia:x"].anomalies, shown["anomalia:x"].score_max = 1, 9.0
    count(shown, [edge("INVOLUCRA", "anomalia:x", "empresa:A", 0)])
    assert (shown["anomalia:x"].anomalies, shown["anomalia:x"].score_max) == (1, 9.0)
    assert (shown["empresa:A"].anomalies, shown["empresa:A"].score_max) == (0, None)


def test_dates_become_text_and_everything_else_stays() -> None:
    found = plain(
        {"fecha": neo4j.time.Date(2026, 3, 10), "en": neo4j.time.DateTime(2026, 3, 10, 8, 15, tzinfo=UTC), "n": 3, "nada": None, "b": 1.5}
    )
    assert json.loads(json.dumps(found)) == {"b": 1.5, "en": "2026-03-10T08:15:00+00:00", "fecha": "2026-03-10", "n": 3, "nada": None}
    assert list(found) == sorted(found)

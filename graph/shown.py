"""What is shown of the graph: nodes and edges as JSON has them, and what is counted on them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import neo4j.time


class Node(msgspec.Struct, kw_only=True):
    """Something in the graph. `anomalies` and `score_max` are those of the relations that are shown: of the kind of relation
    that has most, since every declaration is counted once in each kind."""

    id: str
    kind: str
    name: str
    anomalies: int = 0
    score_max: float | None = None
    properties: dict[str, Any] = {}


class Edge(msgspec.Struct, kw_only=True, frozen=True):
    """A relation between two nodes that are shown."""

    id: str
    source: str
    target: str
    kind: str
    anomalies: int
    properties: dict[str, Any]


class Neighbourhood(msgspec.Struct, kw_only=True):
    """Nodes and edges around a centre; `truncated` when something was left out."""

    center: str
    truncated: bool
    nodes: list[Node]
    edges: list[Edge]


def count(nodes: Mapping[str, Node], edges: Iterable[Edge]) -> None:
    """Gives every node but anomalies the anomalies and the highest score of its edges."""
    sums: dict[tuple[str, str], int] = {}
    for edge in edges:
        for end in (edge.source, edge.target):
            node = nodes[end]
            if node.kind == "anomalia" or edge.kind == "INVOLUCRA":
                continue
            sums[end, edge.kind] = sums.get((end, edge.kind), 0) + edge.anomalies
            node.anomalies = max(node.anomalies, sums[end, edge.kind])
            score = edge.properties.get("score_maximo")
            if score is not None:
                node.score_max = score if node.score_max is None else max(score, node.score_max)


def plain(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as JSON has them, in order of their names."""
    return {
        name: value.to_native().isoformat() if isinstance(value, neo4j.time.Date | neo4j.time.DateTime) else value
        for name, value in sorted(properties.items())
    }

"""What is around a company, a code, a port or a chapter: bounded at every hop, the strangest and the busiest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, Literal, NamedTuple

import msgspec
import neo4j
import neo4j.time

from graph import statements

Kind = Literal["empresa", "subpartida", "puerto", "capitulo"]

ANOMALIES = 25
"""How many anomalies of the centre are shown at most, and never more than a quarter of the nodes."""

FEWEST = 4
"""How many relations of each kind a node is followed along at least, however many nodes there are at its distance."""


class NotInGraph(LookupError):
    """There is no such node."""


class Node(msgspec.Struct, kw_only=True):
    """Something in the graph. `anomalies` and `score_max` are those of the relations that are shown."""

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


class _Way(NamedTuple):
    """A kind of relation that is followed from a kind of node, `n`, to another, `m`."""

    start: Kind
    pattern: str
    relation: str
    end: Kind
    forwards: bool


_KEYS = {
    "empresa": ("Empresa", "id"),
    "subpartida": ("Subpartida", "codigo"),
    "puerto": ("Puerto", "nombre"),
    "capitulo": ("Capitulo", "codigo"),
}

_WAYS = (
    _Way("empresa", "(n)-[r:DECLARA]->(m:Subpartida)", "DECLARA", "subpartida", True),
    _Way("empresa", "(n)-[r:OPERA_EN]->(m:Puerto)", "OPERA_EN", "puerto", True),
    _Way("subpartida", "(n)<-[r:DECLARA]-(m:Empresa)", "DECLARA", "empresa", False),
    _Way("subpartida", "(n)-[r:SALE_POR]->(m:Puerto)", "SALE_POR", "puerto", True),
    _Way("puerto", "(n)<-[r:OPERA_EN]-(m:Empresa)", "OPERA_EN", "empresa", False),
    _Way("puerto", "(n)<-[r:SALE_POR]-(m:Subpartida)", "SALE_POR", "subpartida", False),
)


def neighbourhood(
    driver: neo4j.Driver,
    kind: Kind,
    name: str,
    *,
    depth: int,
    dataset: str | None = None,
    since: date | None = None,
    until: date | None = None,
    limit: int = 150,
) -> Neighbourhood:
    """What is within `depth` relations of a node, at most `limit` nodes; reads only. Raises NotInGraph.

    Relations count whose first to last date touches the period from `since` to `until`. Errors of the driver pass.
    """
    period = {"dataset": dataset, "desde": since, "hasta": until}
    with driver.session(default_access_mode=neo4j.READ_ACCESS) as session:
        return session.execute_read(lambda transaction: _Walk(transaction, period, limit).around(kind, name, depth))


class _Walk:
    """One neighbourhood in the making."""

    def __init__(self, transaction: neo4j.ManagedTransaction, period: dict[str, Any], limit: int) -> None:
        self._transaction, self._period, self._limit = transaction, period, limit
        self._nodes: dict[str, Node] = {}
        self._edges: dict[str, Edge] = {}
        self._truncated = False

    def around(self, kind: Kind, name: str, depth: int) -> Neighbourhood:
        label, key = _KEYS[kind]
        found = self._ask("exists", {"nombre": name}, DESDE=label, CLAVE=key)
        if not found:
            raise NotInGraph(f"there is no {kind} {name!r} in the graph")
        center = self._node(kind, name, found[0]["descripcion"])
        frontier, followed = [self._nodes[center]], {center}
        self._anomalies(kind, name)
        for _ in range(depth):
            for start in ("empresa", "subpartida", "puerto"):
                self._follow(start, [node.name for node in frontier if node.kind == start])
            self._chapters(frontier)
            frontier = [node for identifier, node in self._nodes.items() if identifier not in followed]
            followed.update(self._nodes)
        self._close()
        self._count()
        return Neighbourhood(center=center, truncated=self._truncated, nodes=list(self._nodes.values()), edges=list(self._edges.values()))

    def _follow(self, start: str, names: list[str]) -> None:
        """One hop from some nodes of a kind, along every kind of relation that they have."""
        ways = [way for way in _WAYS if way.start == start] if names else []
        each = max(FEWEST, (self._limit - len(self._nodes)) // max(1, len(names) * len(ways)))
        for way in ways:
            label, key = _KEYS[way.start]
            asked = {**self._period, "nombres": names, "cada": each + 1}
            counted: dict[str, int] = {}
            for row in self._ask("neighbours", asked, DESDE=label, CLAVE=key, PATRON=way.pattern, NOMBRE=_KEYS[way.end][1]):
                counted[row["nombre"]] = counted.get(row["nombre"], 0) + 1
                if counted[row["nombre"]] > each:
                    self._truncated = True
                    continue
                this, other = f"{way.start}:{row['nombre']}", self._node(way.end, row["otro"], row["descripcion"])
                ends = (this, other) if way.forwards else (other, this)
                self._edge(way.relation, *ends, row["propiedades"])

    def _chapters(self, frontier: Iterable[Node]) -> None:
        codes = [node.name for node in frontier if node.kind == "subpartida"]
        chapters = [node.name for node in frontier if node.kind == "capitulo"]
        if codes or chapters:
            asked = {"codigos": codes, "capitulos": chapters, "limite": self._limit}
            for row in self._ask("tariff", asked):
                chapter = self._node("capitulo", row["capitulo"], row["del_capitulo"])
                self._edge("PERTENECE_A", self._node("subpartida", row["codigo"], row["descripcion"]), chapter, {})

    def _anomalies(self, kind: Kind, name: str) -> None:
        label, key = _KEYS[kind]
        if kind == "capitulo":
            return  # it is involved in none itself
        most = min(ANOMALIES, self._limit // 4)
        rows = self._ask("anomalies", {**self._period, "nombre": name, "limite": most + 1}, DESDE=label, CLAVE=key)
        self._truncated |= len(rows) > most
        for row in rows[:most]:
            found = row["propiedades"]
            anomaly = Node(
                id=f"anomalia:{found['event_id']}",
                kind="anomalia",
                name=found["declaration_id"],
                anomalies=1,
                score_max=found["score"],
                properties=_plain(found),
            )
            self._nodes[anomaly.id] = anomaly
            for other in ("empresa", "subpartida", "puerto"):
                end = self._node(other, row[other], row["descripcion"] if other == "subpartida" else None)
                self._edge("INVOLUCRA", anomaly.id, end, {})

    def _close(self) -> None:
        """Adds the relations between codes and ports that were reached by other ways."""
        names = {kind: [node.name for node in self._nodes.values() if node.kind == kind] for kind in ("subpartida", "puerto")}
        if names["subpartida"] and names["puerto"]:
            asked = {**self._period, "codigos": names["subpartida"], "puertos": names["puerto"]}
            for row in self._ask("between", asked):
                self._edge("SALE_POR", f"subpartida:{row['codigo']}", f"puerto:{row['puerto']}", row["propiedades"])

    def _count(self) -> None:
        """Gives every node the anomalies of its relations. Those of one triple are in three: a company's are in DECLARA."""
        counting = {"empresa": "DECLARA", "subpartida": "SALE_POR", "puerto": "SALE_POR"}
        for edge in self._edges.values():
            for end in (edge.source, edge.target):
                node = self._nodes[end]
                if node.kind == "anomalia":
                    continue
                if counting.get(node.kind) == edge.kind:
                    node.anomalies += edge.anomalies
                score = edge.properties.get("score_maximo")
                if score is not None:
                    node.score_max = max(score, node.score_max) if node.score_max is not None else score

    def _node(self, kind: str, name: str, description: str | None = None) -> str:
        """The id of a node, which is added unless there are enough."""
        identifier = f"{kind}:{name}"
        if identifier not in self._nodes:
            if len(self._nodes) >= self._limit:
                self._truncated = True
            else:
                properties = {"descripcion": description} if description else {}
                self._nodes[identifier] = Node(id=identifier, kind=kind, name=name, properties=properties)
        return identifier

    def _edge(self, kind: str, source: str, target: str, properties: dict[str, Any]) -> None:
        """Adds a relation whose ends are both shown."""
        if source in self._nodes and target in self._nodes:
            plain = _plain(properties)
            identifier = "|".join((kind, source, target, str(plain.get("puerto", "")), str(plain.get("dataset", ""))))
            self._edges[identifier] = Edge(
                id=identifier, source=source, target=target, kind=kind, anomalies=int(plain.get("anomalias", 0)), properties=plain
            )

    def _ask(self, name: str, parameters: dict[str, Any], **names: str) -> list[neo4j.Record]:
        text = statements.read(name)
        for placeholder, value in names.items():
            text = text.replace(placeholder, value)
        return list(self._transaction.run(text, parameters))


def _plain(properties: dict[str, Any]) -> dict[str, Any]:
    """Properties as JSON has them."""
    return dict(_iso(properties))


def _iso(properties: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in sorted(properties.items()):
        yield name, value.iso_format() if isinstance(value, neo4j.time.Date | neo4j.time.DateTime) else value

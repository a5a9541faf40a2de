"""What is around a company, a code, a port or a chapter: bounded at every hop, the strangest and the busiest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple

import neo4j
from neo4j.exceptions import Neo4jError

from core.errors import Unavailable
from graph import statements
from graph.shown import Edge, Node, count, plain
from graph.shown import Neighbourhood as Neighbourhood

Kind = Literal["empresa", "subpartida", "puerto", "capitulo"]

ANOMALIES = 25
"""How many anomalies of the centre are shown at most, and never more than a quarter of the nodes."""

FEWEST = 4
"""How many relations of each kind a node is followed along at least, however many nodes there are at its distance."""

EXAMINED = 200_000
"""How many relations are looked through for the strongest, besides those of the centre: half a second's work. A port that
everybody uses is shown, and followed only where there is room for it."""

SECONDS = 10.0
"""After so long the server gives up."""

EDGES = 5
"""Relations that are shown for each node, on average, at most."""


class NotInGraph(LookupError):
    """There is no such node."""


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
    """What is within `depth` relations of a node, at most `limit` nodes; reads only. Raises NotInGraph, and
    Unavailable when it takes too long.

    Relations count whose first to last date touches the period from `since` to `until`. Other errors of the driver pass.
    """
    period = {"dataset": dataset, "desde": since, "hasta": until}
    with driver.session(default_access_mode=neo4j.READ_ACCESS) as session, session.begin_transaction(timeout=SECONDS) as transaction:
        try:
            return _Walk(transaction, period, limit).around(kind, name, depth)
        except Neo4jError as error:
            if error.code and "TransactionTimedOut" in error.code:
                raise Unavailable("neo4j_slow", f"Neo4j took more than {SECONDS:.0f} s for what is around {kind} {name!r}") from error
            raise


class _Walk:
    """One neighbourhood in the making."""

    def __init__(self, transaction: neo4j.Transaction, period: dict[str, Any], limit: int) -> None:
        self._transaction, self._period, self._limit = transaction, period, limit
        self._nodes: dict[str, Node] = {}
        self._edges: dict[str, Edge] = {}
        self._room = limit
        self._examined = 0
        self._truncated = False

    def around(self, kind: Kind, name: str, depth: int) -> Neighbourhood:
        label, key = _KEYS[kind]
        found = self._ask("exists", {"nombre": name}, DESDE=label, CLAVE=key)
        if not found:
            raise NotInGraph(f"there is no {kind} {name!r} in the graph")
        center = self._node(kind, name, found[0]["descripcion"])
        frontier, followed = [self._nodes[center]], {center}
        self._anomalies(kind, name)
        for hop in range(depth):
            # What is near must not take all the room of what is farther away.
            self._room = len(self._nodes) + (self._limit - len(self._nodes)) // (depth - hop)
            # The centre's own chapter comes before what it is traded with; those of others where there is room left.
            for step in (self._chapters, self._follow) if hop == 0 else (self._follow, self._chapters):
                step(frontier)
            followed.update(node.id for node in frontier)
            frontier = [node for identifier, node in self._nodes.items() if identifier not in followed]
        self._close(followed)
        count(self._nodes, self._edges.values())
        return Neighbourhood(center=center, truncated=self._truncated, nodes=list(self._nodes.values()), edges=list(self._edges.values()))

    def _follow(self, frontier: Sequence[Node]) -> None:
        """One hop along every kind of relation. Each node and kind has its strongest first; then the strongest of all go on
        for as long as there is room."""
        names = {kind: [node.name for node in frontier if node.kind == kind] for kind in _KEYS}
        center = len(frontier) == 1 and frontier[0].id == next(iter(self._nodes))
        left = self._room - len(self._nodes)
        each = max(FEWEST, left // max(1, sum(len(names[way.start]) for way in _WAYS)))
        most = 3 * left if center else 2 * each  # relations, of which several may lead to one node
        found: list[tuple[tuple[int, int, int], _Way, neo4j.Record]] = []
        for way in _WAYS:
            label, key = _KEYS[way.start]
            some = names[way.start] if center else self._affordable(way, names[way.start])
            asked = {**self._period, "nombres": some, "cada": most + 1}
            counted: dict[str, int] = {}
            for row in self._ask("neighbours", asked, DESDE=label, CLAVE=key, PATRON=way.pattern, NOMBRE=_KEYS[way.end][1]) if some else ():
                rank = counted[row["nombre"]] = counted.get(row["nombre"], 0) + 1
                if rank > most:
                    self._truncated = True
                else:
                    found.append(((rank, 0, 0) if rank <= each else (each + 1, *_strength(row)), way, row))
        for _, way, row in sorted(found, key=lambda each: each[0]):
            this, other = f"{way.start}:{row['nombre']}", self._node(way.end, row["otro"], row["descripcion"])
            self._edge(way.relation, *((this, other) if way.forwards else (other, this)), row["propiedades"])

    def _affordable(self, way: _Way, names: list[str]) -> list[str]:
        """Those of the nodes, in their order, whose relations there is still time to look through."""
        label, key = _KEYS[way.start]
        degree = f"(n)-[:{way.relation}]->()" if way.forwards else f"(n)<-[:{way.relation}]-()"
        some: list[str] = []
        for row in self._ask("degrees", {"nombres": names}, DESDE=label, CLAVE=key, PATRON=degree) if names else ():
            if self._examined + row["grado"] > EXAMINED:
                self._truncated = True
            else:
                self._examined += row["grado"]
                some.append(row["nombre"])
        return some

    def _chapters(self, frontier: Sequence[Node]) -> None:
        """One hop in the tariff: from codes to their chapters, from chapters to their codes."""
        wanted = {kind: [node.name for node in frontier if node.kind == kind] for kind in ("subpartida", "capitulo")}
        if wanted["subpartida"]:
            self._tariff(self._ask("chapters", {**self._period, "codigos": wanted["subpartida"]}))
        if wanted["capitulo"]:
            each = max(FEWEST, (self._room - len(self._nodes)) // len(wanted["capitulo"]))
            rows = self._ask("codes", {**self._period, "capitulos": wanted["capitulo"], "cada": each + 1})
            kept = [row for row in rows if row["puesto"] < each]
            self._truncated |= len(kept) < len(rows)
            self._tariff(kept)

    def _tariff(self, rows: Iterable[neo4j.Record]) -> None:
        for row in rows:
            code, chapter = (
                self._node("subpartida", row["codigo"], row["descripcion"]),
                self._node("capitulo", row["capitulo"], row["titulo"]),
            )
            self._edge("PERTENECE_A", code, chapter, row["cifras"])

    def _anomalies(self, kind: Kind, name: str) -> None:
        label, key = _KEYS[kind]
        path = "(n)<-[:PERTENECE_A]-(:Partida)<-[:PERTENECE_A]-(:Subpartida)" if kind == "capitulo" else "(n)"
        most = min(ANOMALIES, self._limit // 4)
        rows = self._ask("anomalies", {**self._period, "nombre": name, "limite": most + 1}, DESDE=label, CLAVE=key, CAMINO=path)
        self._truncated |= len(rows) > most
        for row in rows[:most]:
            found = row["propiedades"]
            anomaly = Node(
                id=f"anomalia:{found['event_id']}",
                kind="anomalia",
                name=found["declaration_id"],
                anomalies=1,
                score_max=found["score"],
                properties=plain(found),
            )
            self._nodes[anomaly.id] = anomaly
            for other in ("empresa", "subpartida", "puerto"):
                end = self._node(other, row[other], row["descripcion"] if other == "subpartida" else None)
                self._edge("INVOLUCRA", anomaly.id, end, {})

    def _close(self, followed: set[str]) -> None:
        """Adds the relations between nodes that were reached by other ways: what codes and ports have with each other, and
        what companies have with the nodes that were followed."""
        names = {kind: [node.name for node in self._nodes.values() if node.kind == kind] for kind in _KEYS}
        chapterless = {**self._period, "codigos": names["subpartida"]}
        if names["capitulo"]:
            shown = set(names["capitulo"])
            self._tariff(row for row in self._ask("chapters", chapterless) if row["capitulo"] in shown)
        most = EDGES * self._limit
        found = [("SALE_POR", "subpartida", "puerto", row) for row in self._ask("between", {**chapterless, "puertos": names["puerto"]})]
        for way in _WAYS[:2]:
            inner = [node.name for identifier, node in self._nodes.items() if identifier in followed and node.kind == way.end]
            companies = [[name, f"empresa:{name}" in followed] for name in names["empresa"]]
            asked = {**self._period, "empresas": companies, "todos": names[way.end], "seguidos": inner, "limite": most + 1}
            rows = self._ask("of_companies", asked, PATRON=way.pattern, NOMBRE=_KEYS[way.end][1])
            found += [(way.relation, way.start, way.end, row) for row in rows]
        found.sort(key=lambda each: _strength(each[3]))
        for relation, start, end, row in found:
            if len(self._edges) < most:
                self._edge(relation, f"{start}:{row['nombre']}", f"{end}:{row['otro']}", row["propiedades"])
            else:
                self._truncated = True

    def _node(self, kind: str, name: str, description: str | None = None) -> str:
        """The id of a node, which is added unless there are enough."""
        identifier = f"{kind}:{name}"
        if identifier not in self._nodes:
            if len(self._nodes) >= self._room:
                self._truncated = True
            else:
                properties = {"descripcion": description} if description else {}
                self._nodes[identifier] = Node(id=identifier, kind=kind, name=name, properties=properties)
        return identifier

    def _edge(self, kind: str, source: str, target: str, properties: dict[str, Any]) -> None:
        """Adds a relation whose ends are both shown."""
        if source in self._nodes and target in self._nodes:
            shown = plain(properties)
            identifier = "|".join((kind, source, target, str(shown.get("puerto", "")), str(shown.get("dataset", ""))))
            self._edges[identifier] = Edge(
                id=identifier, source=source, target=target, kind=kind, anomalies=int(shown.get("anomalias", 0)), properties=shown
            )

    def _ask(self, name: str, parameters: dict[str, Any], **names: str) -> list[neo4j.Record]:
        text = statements.read(name)
        for placeholder, value in names.items():
            text = text.replace(placeholder, value)
        return list(self._transaction.run(text, parameters))


def _strength(row: neo4j.Record) -> tuple[int, int]:
    """What relations are sorted by: those with the most anomalies first, then the busiest."""
    return -(row["propiedades"].get("anomalias") or 0), -(row["propiedades"].get("declaraciones") or 0)

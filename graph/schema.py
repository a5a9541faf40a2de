"""Prepares a Neo4j database: constraints, indexes and the tariff. Preparing it again is quick and changes nothing."""

import neo4j

from graph import statements, tariff

INDEX_SECONDS = 120


def prepare(driver: neo4j.Driver) -> None:
    """Applies `constraints.cypher`, waits for its indexes, and loads the tariff unless this edition is there already."""
    with driver.session() as session:
        for statement in statements.constraints():
            session.run(statement).consume()
        session.run("CALL db.awaitIndexes($seconds)", seconds=INDEX_SECONDS).consume()
        if not _has_tariff(session):
            session.execute_write(_load_tariff)


def _has_tariff(session: neo4j.Session) -> bool:
    found = session.run("MATCH (a:Arancel {edicion: $edicion}) RETURN count(a) AS n", edicion=tariff.EDITION).single(strict=True)
    return bool(found["n"])


def _load_tariff(transaction: neo4j.ManagedTransaction) -> None:
    transaction.run(statements.write("tariff"), filas=tariff.load().chapters()).consume()
    transaction.run("MERGE (:Arancel {edicion: $edicion})", edicion=tariff.EDITION).consume()

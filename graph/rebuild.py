"""Empties the graph, so that the writer makes it again from the start of `declarations.scored` and of `feedback`."""

from collections.abc import Callable

import neo4j

from graph import schema, statements

LABELS = ("Anomalia", "Empresa", "Puerto", "Subpartida", "Partida", "Capitulo", "Arancel")


def empty(driver: neo4j.Driver, progress: Callable[[str], None] = lambda label: None) -> None:
    """Removes everything that the writer and the schema made, then prepares the schema anew.

    A mark in the graph keeps writers waiting meanwhile; when they go on, they find their positions gone and say so.
    Cut short, the mark stays: run it again.
    """
    with driver.session() as session:
        session.run("MERGE (:Vaciado)").consume()
        # Positions first: taking them waits for the batches that are under way, and later ones see the mark.
        for label in ("Posicion", *LABELS, "Posicion"):
            progress(label)
            session.run(statements.write("empty").replace("$etiqueta", label)).consume()
        schema.prepare(driver)
        session.run("MATCH (x:Vaciado) DELETE x").consume()

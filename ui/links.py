"""Addresses in the other screens: Neo4j Browser, Prefect and MLflow."""

from urllib.parse import quote

from ui import reading

ANOMALY = "MATCH (a:Anomalia {event_id: %s})-[r:INVOLUCRA]->(n) RETURN a, r, n"
COMPANY = "MATCH (e:Empresa {id: %s})-[r:DECLARA]->(s:Subpartida) RETURN e, r, s ORDER BY r.score_maximo DESC LIMIT 50"
PORT = "MATCH (p:Puerto {nombre: %s})<-[r:OPERA_EN]-(e:Empresa) RETURN p, r, e ORDER BY r.score_maximo DESC LIMIT 50"
CODE = "MATCH (s:Subpartida {codigo: %s})<-[r:DECLARA]-(e:Empresa) RETURN s, r, e ORDER BY r.score_maximo DESC LIMIT 50"
CHAPTER = "MATCH (c:Capitulo {codigo: %s})<-[r:PERTENECE_A]-(h:Partida)<-[q:PERTENECE_A]-(s:Subpartida) RETURN c, r, h, q, s LIMIT 100"


def anomaly(event_id: str) -> str:
    """What an anomaly involves, ready to be run in Neo4j Browser."""
    return browser(ANOMALY, event_id)


def company(empresa: str) -> str:
    """What a company declares."""
    return browser(COMPANY, empresa)


def around(kind: str, name: str) -> str:
    """What is around something in the graph."""
    return browser({"empresa": COMPANY, "puerto": PORT, "subpartida": CODE}.get(kind, CHAPTER), name)


def browser(cypher: str, name: str) -> str:
    """A query in Neo4j Browser; the name becomes a string of Cypher, whatever signs it holds."""
    text = name.replace("\\", "\\\\").replace("'", "\\'")
    query = cypher % f"'{text}'"
    return f"{reading.settings().neo4j_browser_url.rstrip('/')}/browser/?cmd=edit&arg={quote(query, safe='')}"


def flow_run(run_id: str) -> str:
    """A run on Prefect's pages."""
    return f"{reading.settings().prefect_ui_url.rstrip('/')}/runs/flow-run/{run_id}"


def version(model: str, number: str) -> str:
    """A version on MLflow's pages."""
    return f"{reading.settings().mlflow_ui_url.rstrip('/')}/#/models/{quote(model, safe='')}/versions/{quote(number, safe='')}"

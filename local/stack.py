"""Which parts a stack has."""

from collections.abc import Sequence

from local import flows, monitoring, serving
from local.kafka import kafka
from local.mlflow import mlflow
from local.neo4j import neo4j
from local.part import Part
from local.postgres import postgres
from local.settings import StackSettings
from local.workers import WORKERS, simulation, worker


def parts(settings: StackSettings, only: Sequence[str] = ()) -> list[Part]:
    """The parts of a stack, or those of them that are named."""
    everything = [
        kafka(settings),
        neo4j(settings),
        postgres(settings, "postgres-raw", "PostgreSQL raw", "postgres_raw_port", ("raw",)),
        postgres(settings, "postgres-metadata", "PostgreSQL metadata", "postgres_metadata_port", ("mlflow", "prefect", "vigia")),
        mlflow(settings),
        flows.source(settings),
        flows.prefect(settings),
        flows.deployments(settings),
        flows.flows(settings),
        flows.first_models(settings),
        *(worker(settings, role) for role in WORKERS),
        serving.api(settings),
        serving.ui(settings),
    ]
    if settings.monitor:
        everything += [monitoring.alertmanager(settings), monitoring.prometheus(settings)]
    if settings.simulate:
        everything.append(simulation(settings))
    return [part for part in everything if not only or part.name in only]

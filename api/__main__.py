"""`python -m api`: the composition root of the inference API. Settings are read and clients are built here."""

import logging
import sys
from collections.abc import Mapping

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from adapters.cache import BundleCache
from adapters.exposition import tell_build
from adapters.kafka import KafkaSettings, TopicSettings
from adapters.postgres import Database
from adapters.registry import MlflowRegistry, RegistrySettings
from adapters.telemetry import configure_logging, log_faults
from adapters.tracing import configure_tracing
from api.app import Served, create_app
from api.archive import Pool
from api.catalog import Catalog
from api.graph import Graph
from api.outbox import Outbox
from api.prefect import Prefect
from api.serving import Models
from api.settings import ApiSettings
from api.surroundings import Surroundings
from core.errors import REFUSED, ConfigurationError
from core.scoring import DEFAULT_BUDGET
from graph.settings import Neo4jSettings


def build(settings: ApiSettings) -> FastAPI:
    """The app with everything in it; nothing runs until a server executes it."""
    kafka, registry_settings = KafkaSettings(), RegistrySettings()
    registry = MlflowRegistry(registry_settings)
    raw = Pool(Database("raw", settings.raw_database_url))
    metadata = Pool(Database("metadata", settings.metadata_database_url), most=4)
    graph = Graph(Neo4jSettings())
    addresses: Mapping[str, str] = {
        "registry": f"{registry_settings.mlflow_tracking_uri.rstrip('/')}/health",
        "prefect": f"{settings.prefect_api_url.rstrip('/')}/health",
        **settings.parts,
    }
    return create_app(
        settings,
        Served(
            # Not the directory of a worker, whose last good version is the worker's own affair.
            models=Models(
                settings.datasets,
                registry,
                BundleCache(settings.vigia_state_dir / "api" / "models"),
                settings.alert_budget or DEFAULT_BUDGET,
            ),
            raw=raw,
            metadata=metadata,
            catalog=Catalog(registry),
            graph=graph,
            prefect=Prefect(settings.prefect_api_url),
            outbox=Outbox(raw, kafka, TopicSettings()),
            surroundings=Surroundings({"raw": raw, "metadata": metadata}, graph, kafka, addresses),
        ),
    )


def main() -> int:
    """Serves until it is told to stop; the exit code says whether a setting was wrong."""
    configure_logging("api")
    configure_tracing("api")
    tell_build("api")
    try:
        settings = ApiSettings()  # type: ignore[call-arg]  # from the environment
        app = build(settings)
    except ValidationError as error:
        log_faults(error, "API_")
        return REFUSED
    except ConfigurationError as error:
        logging.critical("%s", error)
        return REFUSED
    sys.setswitchinterval(0.0005)  # requests should not wait 5 ms for the thread that scores
    uvicorn.run(
        app, host=settings.host, port=settings.port, access_log=False, log_config=None, server_header=False, timeout_graceful_shutdown=20
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

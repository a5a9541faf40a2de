"""`python -m flows`: the worker that runs the flows of the work pool, and the page with their metrics."""

import asyncio
import contextlib
import logging
import os
import sys
from pathlib import Path

from adapters.telemetry import configure_logging
from core.errors import REFUSED, ConfigurationError, Unavailable
from flows.deploy import POOL

TOGETHER = 2
"""Flow runs at a time, each in a process of its own: a training takes a core and 700 MB."""


def main() -> int:
    """Runs until SIGTERM."""
    os.environ.setdefault("PREFECT_LOGGING_SETTINGS_PATH", str(Path(__file__).with_name("logging.yml")))  # its flow runs inherit it
    configure_logging("flows")
    from prometheus_client import REGISTRY, start_http_server

    from adapters.exposition import tell_build
    from flows.metrics import FlowCollector
    from flows.settings import migrated, settings

    url = os.environ.get("PREFECT_API_URL")
    try:
        if not url:
            raise ConfigurationError("PREFECT_API_URL is not set: give the Prefect server's address, such as http://127.0.0.1:4200/api")
        at = settings()
        for database in (at.raw, at.metadata):
            migrated(database)
    except (ConfigurationError, Unavailable) as error:
        logging.critical("%s", error)
        return REFUSED if isinstance(error, ConfigurationError) else 1
    tell_build("flows")
    REGISTRY.register(FlowCollector(at, url))
    start_http_server(at.metrics_port, at.metrics_bind)
    from prefect.utilities.processutils import setup_signal_handlers_worker
    from prefect.workers.process import ProcessWorker

    setup_signal_handlers_worker(os.getpid(), "the flows' worker", logging.info)
    with contextlib.suppress(KeyboardInterrupt):  # which is what Prefect makes of SIGTERM
        asyncio.run(ProcessWorker(work_pool_name=POOL, limit=TOGETHER, name=f"flows-{os.getpid()}").start())
    return 0


if __name__ == "__main__":
    sys.exit(main())

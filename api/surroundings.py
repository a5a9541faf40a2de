"""The servers and workers around the API: whether they answer, and in words what is wrong where they do not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from starlette.concurrency import run_in_threadpool

from adapters.kafka import KafkaSettings
from api import metrics
from api.archive import Pool
from api.graph import Graph
from core.errors import ConfigurationError, Unavailable

log = logging.getLogger(__name__)

SECONDS = 3.0
"""How long one look may take."""

LOOK_SECONDS = 15.0
"""How often the metrics get a look of their own."""

TITLES = {
    "raw_database": "PostgreSQL raw",
    "metadata_database": "PostgreSQL metadata",
    "neo4j": "Neo4j",
    "kafka": "Kafka",
    "registry": "MLflow",
    "prefect": "Prefect",
    "score": "Scoring worker",
    "graph": "Graph writer",
    "archive": "Archive",
}


class Surroundings:
    """Looks at all of them at once."""

    def __init__(self, pools: Mapping[str, Pool], graph: Graph, kafka: KafkaSettings, addresses: Mapping[str, str]) -> None:
        """`addresses` has by name what answers 200 when a part can be used."""
        self._checks: dict[str, Callable[[], object]] = {
            **{f"{name}_database": lambda pool=pool: pool.rows("SELECT 1") for name, pool in pools.items()},  # type: ignore[misc]
            "neo4j": graph.reached,
            "kafka": lambda: _kafka(kafka),
        }
        self._addresses = addresses

    async def look(self) -> list[dict[str, Any]]:
        """Each part with its title, whether it is up, and what is wrong."""
        async with httpx.AsyncClient(timeout=SECONDS) as client:
            told = await asyncio.gather(
                *(self._checked(name, check) for name, check in self._checks.items()),
                *(self._asked(name, address, client) for name, address in self._addresses.items()),
            )
        return [{"name": name, "title": TITLES.get(name, name), "up": problem is None, "detail": problem} for name, problem in told]

    async def watch(self) -> None:
        """Keeps the metrics at what it sees, for as long as the task lives."""
        while True:
            try:
                for part in await self.look():
                    metrics.PART_UP.labels(part["name"]).set(part["up"])
            except Exception:  # a bug here must not end the watching
                log.exception("looking at what is around the API failed")
            await asyncio.sleep(LOOK_SECONDS)

    async def _checked(self, name: str, check: Callable[[], object]) -> tuple[str, str | None]:
        try:
            await asyncio.wait_for(asyncio.shield(run_in_threadpool(check)), SECONDS * 2)
        except (Unavailable, ConfigurationError) as error:
            return name, str(error)
        except TimeoutError:
            return name, "it does not answer in time"
        return name, None

    async def _asked(self, name: str, address: str, client: httpx.AsyncClient) -> tuple[str, str | None]:
        try:
            answer = await client.get(address)
        except httpx.HTTPError as error:
            return name, f"it does not answer: {str(error) or type(error).__name__}"
        if answer.is_success:
            return name, None
        return name, answer.text[:500] or f"status {answer.status_code}"


def _kafka(settings: KafkaSettings) -> None:
    try:
        AdminClient(settings.client(log_level=0)).list_topics(timeout=SECONDS)
    except KafkaException as error:
        raise Unavailable("kafka", f"Kafka at {settings.bootstrap_servers} does not answer: {error.args[0].str()}") from error

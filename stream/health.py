"""Readiness that tells the truth: what a worker is waiting for, in words, and the web pages that say so."""

import json
import time
from collections.abc import Callable
from typing import Any

from faust import App
from faust.web import Request, Response, View
from prometheus_client import generate_latest

from stream import metrics

STALE_SECONDS = 15.0
"""Librdkafka reports every two seconds while it is polled; without a report for so long, nothing polls it."""


class BrokerHealth:
    """What librdkafka's own statistics say about the connection; `on_statistics` is its `stats_cb`."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self._up = False
        self._told = 0.0

    def on_statistics(self, text: str) -> None:
        """Takes a report: which brokers are up, and how far each partition is behind."""
        report = json.loads(text)
        self._up = any(broker["state"] == "UP" and broker["nodeid"] >= 0 for broker in report["brokers"].values())
        self._told = time.monotonic()
        for topic, of_topic in report["topics"].items():
            for partition, state in of_topic["partitions"].items():
                if partition != "-1" and state["app_offset"] >= 0:
                    metrics.LAG.labels(topic, partition).set(max(0, state["ls_offset"] - state["app_offset"]))

    def problem(self) -> str | None:
        """Why the broker cannot be counted on, or None."""
        if self._up and time.monotonic() - self._told < STALE_SECONDS:
            return None
        return f"no connection to Kafka at {self.servers}"


class Health:
    """The checks of one worker. Each returns what it is waiting for, or None."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.checks: list[Callable[[], str | None]] = []

    def problems(self) -> list[str]:
        """Everything that keeps the worker from being ready."""
        found = [problem for check in self.checks if (problem := check())]
        metrics.READY.labels(self.role).set(not found)
        return found


def serve(app: App, health: Health) -> None:
    """Adds `/livez`, `/readyz` and `/metrics` to the worker's web server."""

    @app.page("/livez")
    class Live(View):
        """The process answers."""

        async def get(self, request: Request, **_: Any) -> Response:
            return self.json({"status": "alive", "role": health.role})

    @app.page("/readyz")
    class Ready(View):
        """It can do its work, or it says what it is waiting for."""

        async def get(self, request: Request, **_: Any) -> Response:
            problems = health.problems()
            body = {"status": "waiting" if problems else "ready", "role": health.role, "waiting_for": problems}
            return self.json(body, status=503 if problems else 200)

    @app.page("/metrics")
    class Metrics(View):
        """What Prometheus reads."""

        async def get(self, request: Request, **_: Any) -> Response:
            health.problems()
            return self.bytes(generate_latest(), content_type="text/plain")

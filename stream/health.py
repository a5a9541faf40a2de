"""Readiness that tells the truth: what a worker is waiting for, in words, and the web pages that say so."""

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from faust import App
from faust.web import Request, Response, View

from adapters.exposition import exposed
from stream import metrics
from stream.decide import MessageLike

STALE_SECONDS = 15.0
"""Librdkafka reports every two seconds while it is polled; without a report for so long, nothing polls it."""


class BrokerHealth:
    """What librdkafka's own statistics say about the connection; `on_statistics` is its `stats_cb`."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self._up = False
        self._told = 0.0
        self._taken: dict[tuple[str, str], int] = {}
        self._done: dict[tuple[str, str], tuple[int, float]] = {}
        self._even: dict[tuple[str, str], float] = {}

    def on_statistics(self, text: str) -> None:
        """Takes a report: which brokers are up, and how far each partition is behind."""
        report = json.loads(text)
        self._up = any(broker["state"] == "UP" and broker["nodeid"] >= 0 for broker in report["brokers"].values())
        self._told = time.monotonic()
        for topic, of_topic in report["topics"].items():
            for partition, state in of_topic["partitions"].items():
                if partition == "-1":
                    continue
                if state["fetch_state"] == "none":
                    self._forget(topic, partition)
                elif state["app_offset"] >= 0:
                    self._tell_lag(topic, partition, state)

    def taken(self, messages: Iterable[MessageLike]) -> None:
        """Notes how far has been read: these messages are here, and wait for their turn."""
        for message in messages:
            at = (message.topic(), str(message.partition()))
            self._done.setdefault(at, (message.offset() - 1, 0.0))
            self._taken[at] = message.offset()

    def handled(self, messages: Iterable[MessageLike]) -> None:
        """Notes how far the work is done: these messages' effects are durable."""
        last = {(message.topic(), message.partition()): message for message in messages}
        for (topic, partition), message in last.items():
            self._done[topic, str(partition)] = (message.offset(), message.timestamp()[1] / 1000)

    def _forget(self, topic: str, partition: str) -> None:
        """The partition is somebody else's now, who tells how far it is behind."""
        for known in (self._taken, self._done, self._even):
            known.pop((topic, partition), None)
        for gauge in (metrics.LAG, metrics.LAG_SECONDS):
            with contextlib.suppress(KeyError):
                gauge.remove(topic, partition)

    def _tell_lag(self, topic: str, partition: str, state: Mapping[str, Any]) -> None:
        """A message waits from when it is on the topic until it is handled: on the broker, in librdkafka's queue, or here.

        Offsets are no count of messages, since a transaction's marker takes one, too: what was read is compared with what was handled.
        """
        at, now = (topic, partition), time.time()
        done, stamped = self._done.get(at, (-1, 0.0))
        waiting = max(0, state["ls_offset"] - state["app_offset"]) + max(0, self._taken.get(at, done) - done)
        if not waiting:
            self._even[at] = now
        metrics.LAG.labels(topic, partition).set(waiting)
        # The oldest that waits came after the last that was handled, and after the last look at which none waited.
        since = max(stamped, self._even.setdefault(at, now))
        metrics.LAG_SECONDS.labels(topic, partition).set(max(0.0, now - since) if waiting else 0.0)

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
            content, content_type = exposed(request.headers.get("accept"))
            return self.bytes(content, headers={"content-type": content_type})

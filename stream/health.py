"""Readiness that tells the truth: what a worker is waiting for, in words, and the web pages that say so."""

import contextlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from faust import App
from faust.web import Request, Response, View

from adapters.exposition import exposed
from stream import metrics
from stream.decide import MessageLike

GIVEN_AWAY = ("none", "stopping", "stopped")
"""What librdkafka calls a partition that it does not read, or no longer."""

STALE_SECONDS = 15.0
"""Librdkafka reports every two seconds while it is polled; without a report for so long, nothing polls it."""


@dataclass(slots=True)
class Progress:
    """How far the work on a partition has got: offsets, and seconds since 1970. None: not yet."""

    looked: float
    """When the partition was first looked at."""
    taken: int | None = None
    """The last message that was read."""
    done: int | None = None
    """The last message that was handled, or the one before the first that was read."""
    since: float | None = None
    """When the last message that was handled came to its topic, or else the first that was read."""
    even: float | None = None
    """When none was waiting."""

    def behind(self, given: int, end: int, now: float) -> tuple[int, float]:
        """How many messages wait and for how long the oldest does: on the broker, in librdkafka's queue, or here.

        Offsets are no count of messages, since a transaction's marker takes one, too: what was read is compared with what was handled.
        """
        waiting = max(0, end - given)
        if self.taken is not None and self.done is not None:
            waiting += max(0, self.taken - self.done)
        if not waiting:
            self.even = now
            return 0, 0.0
        # The oldest that waits came after the last that was handled, and after the last look at which none waited.
        known = [at for at in (self.since, self.even) if at is not None]
        return waiting, max(0.0, now - max(known, default=self.looked))


class BrokerHealth:
    """What librdkafka's own statistics say about the connection; `on_statistics` is its `stats_cb`."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self._up = False
        self._told = 0.0
        self._progress: defaultdict[tuple[str, int], Progress] = defaultdict(lambda: Progress(time.time()))

    def on_statistics(self, text: str) -> None:
        """Takes a report: which brokers are up, and how far each partition is behind."""
        report = json.loads(text)
        self._up = any(broker["state"] == "UP" and broker["nodeid"] >= 0 for broker in report["brokers"].values())
        self._told = time.monotonic()
        for topic, of_topic in report["topics"].items():
            for partition, state in of_topic["partitions"].items():
                if partition == "-1":
                    continue
                if state["fetch_state"] in GIVEN_AWAY:
                    self._forget(topic, int(partition))
                else:
                    self._tell_lag(topic, int(partition), state)

    def taken(self, messages: Iterable[MessageLike]) -> None:
        """Notes how far has been read: these messages are here, and wait for their turn."""
        for message in messages:
            progress = self._progress[message.topic(), message.partition()]
            progress.taken = message.offset()
            if progress.done is None:
                # Until now a message that librdkafka had fetched and not yet given us looked like none that waits.
                progress.done, progress.since, progress.even = message.offset() - 1, _came(message), None

    def handled(self, messages: Iterable[MessageLike]) -> None:
        """Notes how far the work is done: these messages' effects are durable."""
        last = {(message.topic(), message.partition()): message for message in messages}
        for at, message in last.items():
            progress = self._progress[at]
            progress.done, progress.since = message.offset(), _came(message)

    def _forget(self, topic: str, partition: int) -> None:
        """The partition is somebody else's now, who tells how far it is behind."""
        self._progress.pop((topic, partition), None)
        for gauge in (metrics.LAG, metrics.LAG_SECONDS):
            with contextlib.suppress(KeyError):
                gauge.remove(topic, partition)

    def _tell_lag(self, topic: str, partition: int, state: Mapping[str, int]) -> None:
        """The end is the high watermark: what an open transaction holds back waits, too. Before the first message that we are given,
        the next to be fetched tells where we are, or somewhat further."""
        given = state["app_offset"] if state["app_offset"] >= 0 else state["next_offset"]
        if given < 0 or state["hi_offset"] < 0:
            return
        messages, seconds = self._progress[topic, partition].behind(given, state["hi_offset"], time.time())
        metrics.LAG.labels(topic, partition).set(messages)
        metrics.LAG_SECONDS.labels(topic, partition).set(seconds)

    def problem(self) -> str | None:
        """Why the broker cannot be counted on, or None."""
        if self._up and time.monotonic() - self._told < STALE_SECONDS:
            return None
        return f"no connection to Kafka at {self.servers}"


def _came(message: MessageLike) -> float | None:
    """When a message came to its topic; None where its producer did not say."""
    milliseconds = message.timestamp()[1]
    return milliseconds / 1000 if milliseconds > 0 else None


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

"""Publishes what analysts said: from the database, where it is safe, to its topic, at least once and soon."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import UTC

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from adapters.kafka import KafkaSettings, TopicSettings, ensure_topics
from api import metrics
from api.archive import Pool, Record
from core.errors import Unavailable
from schemas.events import FeedbackV1, cloud_event_headers

log = logging.getLogger(__name__)

LOOK_SECONDS = 15.0
"""How often it is looked for what another process left behind."""

PIECE = 500
FLUSH_SECONDS = 10.0

# Whoever else publishes skips what is being published here; both may, and readers know an id that comes twice.
WAITING = """
SELECT feedback_id, event_id, declaration_id, dataset, verdict, note, who, given_at FROM feedback WHERE published_at IS NULL
ORDER BY given_at, feedback_id LIMIT %s FOR UPDATE SKIP LOCKED
"""


class Outbox:
    """The feedback that is not on its topic yet."""

    def __init__(self, pool: Pool, kafka: KafkaSettings, topics: TopicSettings) -> None:
        self._pool, self._kafka, self._topics = pool, kafka, topics
        self._producer: Producer | None = None
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def hurry(self) -> None:
        """There is something new; may be called from any thread."""
        if self._loop:
            self._loop.call_soon_threadsafe(self._news.set)

    async def work(self) -> None:
        """Publishes for as long as the task lives. What cannot be published now is published later."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._news.clear()
            try:
                while await self._loop.run_in_executor(None, self.publish):
                    pass
            except Unavailable as error:
                log.warning("feedback waits in the database: %s", error)
            except Exception:  # a bug here must not silence all that is said after it
                log.exception("publishing feedback failed")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), LOOK_SECONDS)

    def publish(self) -> bool:
        """Publishes some of what waits; True when there may be more. Raises Unavailable, and then nothing is lost."""
        with self._pool.connection() as connection, connection.transaction():
            rows = connection.execute(WAITING, [PIECE]).fetchall()
            metrics.FEEDBACK_WAITING.set(len(rows))
            if not rows:
                return False
            self._send([_event(row) for row in rows])
            connection.execute(
                "UPDATE feedback SET published_at = now() WHERE feedback_id = ANY(%s)", [[row["feedback_id"] for row in rows]]
            )
            metrics.FEEDBACK_WAITING.set(0)
        return len(rows) == PIECE

    def _send(self, events: list[FeedbackV1]) -> None:
        failed: list[KafkaError] = []

        def told(error: KafkaError | None, message: Message) -> None:
            if error:
                failed.append(error)

        producer = self._opened()
        try:
            for event in events:
                headers = cloud_event_headers("feedback", event.feedback_id, event.given_at)
                producer.produce(self._topics.feedback, msgspec.json.encode(event), event.event_id, headers=headers, on_delivery=told)
        except (KafkaException, BufferError) as error:
            raise Unavailable("kafka", f"Kafka at {self._kafka.bootstrap_servers} does not take feedback: {error}") from error
        left = producer.flush(FLUSH_SECONDS)
        if left or failed:
            producer.purge()
            producer.flush(1.0)
            reason = failed[0].str() if failed else "it does not answer"
            raise Unavailable("kafka", f"Kafka at {self._kafka.bootstrap_servers} did not take feedback: {reason}")

    def _opened(self) -> Producer:
        if self._producer is None:
            ensure_topics(self._kafka, self._topics, timeout=FLUSH_SECONDS)
            self._producer = Producer(self._kafka.client(**{"enable.idempotence": True, "message.timeout.ms": 8_000}))
        return self._producer


def _event(row: Record) -> FeedbackV1:
    told = {**row, "feedback_id": str(row["feedback_id"]), "event_id": str(row["event_id"])}
    return FeedbackV1(**{**told, "given_at": row["given_at"].astimezone(UTC).isoformat(timespec="milliseconds")})

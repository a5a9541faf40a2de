"""The scoring role: batches of declarations in, one transaction with their verdicts, alerts and dead letters out."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import get_args

import stamina
from faust.types import ChannelT, StreamT
from mode import Service

from adapters import metrics as of_models
from adapters.kafka import KafkaSettings, TopicSettings, ensure_topics
from adapters.serving import ServedModel
from core.errors import Unavailable
from schemas.checks import Code
from schemas.declaration import Parser
from schemas.events import Severity
from stream import metrics, report
from stream.app import WorkerApp
from stream.decide import Lane, Outcome, Watch, decide, lanes_for
from stream.guard import RejectionGuard
from stream.publish import Result, TransactionalPublisher
from stream.source import Batch, BatchSource, Handled
from stream.tracing import BatchTraces

log = logging.getLogger(__name__)

JUDGES = 2
"""Batches that are judged at a time: while one is being explained, or published, the next is parsed and scored."""


class ScoringService(Service):
    """Judges batches and keeps the models current. Blocking work has threads of its own; the event loop stays free."""

    def __init__(
        self,
        source: BatchSource,
        publisher: TransactionalPublisher,
        models: Sequence[ServedModel],
        guard: RejectionGuard,
        kafka: KafkaSettings,
        topics: TopicSettings,
        clock: Callable[[], datetime],
        fail: Callable[[Exception], None],
        handled: Handled,
    ) -> None:
        super().__init__()
        self.lanes: Mapping[str, Lane] = {}
        self._source = source
        self._publisher = publisher
        self._models = models
        self._parsers = [Parser(model.spec) for model in models]
        self._guard = guard
        self._kafka = kafka
        self._topics = topics
        self._clock = clock
        self._opened = False
        self._fail = fail
        self._handled = handled
        self._judges = ThreadPoolExecutor(max_workers=JUDGES, thread_name_prefix="judge")
        self._slots = asyncio.Semaphore(JUDGES)
        self._judged: asyncio.Queue[tuple[Batch, float, BatchTraces, asyncio.Future[Outcome | None]]] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="publish")
        for model in models:  # a counter that is there from the start shows its first event, too
            metrics.SCORED.labels(model.spec.name)
            for severity in get_args(Severity):
                metrics.ANOMALIES.labels(model.spec.name, severity)
        for code in get_args(Code):
            metrics.REJECTED.labels(code)
        for result in Result:
            metrics.BATCHES.labels("score", result.value)
        self._registry_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="models")

    def waiting_for(self) -> str | None:
        """Why nothing can be scored yet, or None."""
        if not self._opened:
            return f"a transactional producer on Kafka at {self._kafka.bootstrap_servers}"
        missing = [model.problem or model.spec.model for model in self._models if model.scorer is None]
        return "; ".join(missing) or None

    @Service.task
    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._registry_thread, self._restore)
        async for attempt in stamina.retry_context(on=Unavailable, attempts=None, timeout=None, wait_initial=0.5, wait_max=10):
            with attempt:
                await loop.run_in_executor(self._thread, ensure_topics, self._kafka, self._topics)
                await loop.run_in_executor(self._thread, self._publisher.open)
        self._opened = True
        self._use_models()

    async def follow_models(self) -> None:
        """Asks the registry once what is in production, and swaps it in; a timer calls this."""
        await asyncio.get_running_loop().run_in_executor(self._registry_thread, self._refresh)
        self._use_models()

    def _restore(self) -> None:
        for model in self._models:
            model.restore()
        if any(model.scorer is None for model in self._models):
            self._refresh()

    def _refresh(self) -> None:
        for model in self._models:
            of_models.refresh(model)

    def _use_models(self) -> None:
        """The swap: batches that start from now on see the new lanes, the one under way keeps the old."""
        scorers = {model.spec.name: model.scorer for model in self._models if model.scorer}
        self.lanes = lanes_for(self._topics, self._parsers, scorers)
        of_models.tell_models(self._models)
        for dataset, scorer in scorers.items():
            metrics.THRESHOLD.labels(dataset).set(scorer.threshold)
        if self._opened:
            self._source.subscribe(tuple(self.lanes))

    async def handle(self, batch: Batch) -> None:
        """Takes a batch into work. Several are judged at a time, and published one after the other, in their order."""
        started = time.perf_counter()
        await self._slots.acquire()
        traces = BatchTraces()
        judging = asyncio.get_running_loop().run_in_executor(self._judges, self._judge, batch, traces)
        await self._judged.put((batch, started, traces, judging))

    @Service.task
    async def _publish_in_order(self) -> None:
        while not self.should_stop:
            batch, started, traces, judging = await self._judged.get()
            try:
                outcome = await judging
                committed = await asyncio.get_running_loop().run_in_executor(self._thread, self._publish, batch, outcome)
                metrics.BATCH_SECONDS.labels("score").observe(time.perf_counter() - started)
                metrics.BATCH_MESSAGES.labels("score").observe(len(batch.messages))
                metrics.BATCHES.labels("score", "committed" if committed else "aborted").inc()
                if outcome:
                    traces.end(outcome, None if committed else "the batch was given up, and is read again")
                if committed and outcome:
                    self._handled(batch.messages)
                    report.count(batch.messages, outcome, self._topics)
                    report.log_what_stands_out(outcome, self._topics)
            except Exception as error:  # the offsets were not committed: a successor reads the batch again
                traces.end(None, str(error) or repr(error))
                self._source.halt()
                self._fail(error)
            finally:
                self._slots.release()
                self._source.done(batch)

    def _judge(self, batch: Batch, traces: BatchTraces) -> Outcome | None:
        """What the batch becomes; None when it is stale already."""
        if not self._source.current(batch):
            return None
        watch = Watch(traces.headers, lambda dataset: metrics.EXPLAIN_SECONDS.labels(dataset).time())
        return decide(batch.messages, self.lanes, self._topics, self._clock(), watch)

    def _publish(self, batch: Batch, outcome: Outcome | None) -> bool:
        """Whether the outcome was committed; if not, the batch will be read again, or has been given up.

        Raises ConfigurationError when too much was rejected, KafkaException when only a restart can help.
        """
        if outcome is None or not self._source.current(batch):
            return False
        self._guard.admit(len(batch.messages), [rejected.message for rejected in outcome.rejected])
        result = self._publisher.publish(outcome.outgoing, batch.next_offsets(), lambda: self._source.current(batch))
        if result is Result.ABORTED:
            log.warning("a transaction was aborted: its %d messages are read again", len(batch.messages))
            self._source.rewind()
        return result is Result.COMMITTED

    async def on_stop(self) -> None:
        """Lets the threads go; the source has waited for what was under way."""
        self._judges.shutdown(wait=False)
        self._thread.shutdown(wait=False)
        self._registry_thread.shutdown(wait=False, cancel_futures=True)


def add_agent(app: WorkerApp, channel: ChannelT[Batch], service: ScoringService) -> None:
    """The agent: it reads like any other of Faust's, only its events are batches."""

    @app.agent(channel, name="score")
    async def score(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            await service.handle(batch)

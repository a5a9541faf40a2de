"""`python -m stream score|graph|archive`: the composition root of a worker. Settings are read and clients are built here."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, get_args

import faust
from confluent_kafka import Consumer, Producer
from pydantic import ValidationError

from adapters import bundle
from adapters.cache import BundleCache
from adapters.exposition import tell_build
from adapters.kafka import KafkaSettings, TopicSettings
from adapters.registry import MlflowRegistry, RegistrySettings
from adapters.serving import ServedModel
from adapters.telemetry import configure_logging, log_faults
from adapters.tracing import configure_tracing
from core.errors import REFUSED, ConfigurationError
from core.scoring import DEFAULT_BUDGET
from schemas import datasets
from stream import health, scoring, sinking
from stream.app import CRASHED, WorkerApp, create_app
from stream.guard import RejectionGuard
from stream.publish import TransactionalPublisher, producer_config
from stream.settings import ArchiveSettings, Role, ScoreSettings, WorkerSettings
from stream.source import BatchSource, Limits


def consumer_config(role: Role, settings: WorkerSettings, kafka: KafkaSettings, broker: health.BrokerHealth) -> dict[str, object]:
    """The configuration of a role's consumer. The worker's id makes its membership static: one that is back
    within its session takes its partitions again, with no rebalance."""
    return kafka.client(
        **{
            "group.id": f"{settings.group_prefix}-{role}",
            "group.instance.id": f"{role}-{settings.worker_id}",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": 15_000,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "queued.max.messages.kbytes": 65_536,
            "statistics.interval.ms": 2_000,
            "stats_cb": broker.on_statistics,
        }
    )


def build(role: Role) -> WorkerApp:
    """The app of a role with everything in it; nothing runs until a worker executes it."""
    kafka, topics = KafkaSettings(), TopicSettings()
    settings = ScoreSettings() if role == "score" else ArchiveSettings() if role == "archive" else WorkerSettings()  # type: ignore[call-arg]
    app = create_app(role, settings, kafka)
    broker, state = health.BrokerHealth(kafka.bootstrap_servers), health.Health(role)
    consumer = Consumer(consumer_config(role, settings, kafka, broker))
    channel = app.channel(maxsize=1)
    limits = Limits(settings.batch_messages, settings.batch_bytes, settings.batch_wait_ms / 1000)
    state.checks.append(broker.problem)
    health.serve(app, state)

    if isinstance(settings, ScoreSettings):
        source = BatchSource(consumer, channel, limits, app.fail, taken=broker.taken)
        registry, cache = MlflowRegistry(RegistrySettings()), BundleCache(settings.vigia_state_dir / "models")
        budget = settings.alert_budget or DEFAULT_BUDGET
        models = [
            ServedModel(datasets.load(name), registry, cache, lambda path, version: bundle.load(path, version=version, budget=budget))
            for name in settings.datasets
        ]
        publisher = TransactionalPublisher(
            Producer(producer_config(kafka, f"{settings.group_prefix}-score-{settings.worker_id}")), consumer
        )
        guard = RejectionGuard(settings.rejected_window, settings.max_rejected_share)
        service = scoring.ScoringService(
            source, publisher, models, guard, kafka, topics, lambda: datetime.now(UTC), app.fail, broker.handled
        )
        state.checks.append(service.waiting_for)
        app.timer(interval=settings.model_poll_seconds)(service.follow_models)
        scoring.add_agent(app, channel, service)
        app.service(service)  # type: ignore[arg-type]  # Faust takes instances too
    else:
        sink = sinking.SinkService(role, _sink(settings), consumer, kafka, topics, broker.handled)
        source = sink.source = BatchSource(consumer, channel, limits, app.fail, sink.positions, broker.taken)
        state.checks.append(sink.waiting_for)
        sinking.add_agent(app, channel, source, sink)
        app.service(sink)  # type: ignore[arg-type]
    app.service(source)  # type: ignore[arg-type]
    return app


def _sink(settings: WorkerSettings) -> sinking.Sink[Any]:
    if isinstance(settings, ArchiveSettings):
        from stream.archive import Archive

        return Archive(settings.raw_database_url)
    from graph.settings import Neo4jSettings
    from graph.writer import GraphWriter

    return GraphWriter(Neo4jSettings())


def main(arguments: list[str]) -> int:
    """Runs one role until it is told to stop; the exit code says whether that was asked for."""
    if len(arguments) != 1 or arguments[0] not in get_args(Role):
        print(f"usage: python -m stream {'|'.join(get_args(Role))}", file=sys.stderr)
        return REFUSED
    role: Role = arguments[0]  # type: ignore[assignment]  # it is one of them
    configure_logging(role)
    configure_tracing(role)
    tell_build(role)
    try:
        app = build(role)
    except ValidationError as error:
        log_faults(error)
        return REFUSED
    except ConfigurationError as error:
        logging.critical("%s", error)
        return REFUSED
    sys.setswitchinterval(0.0005)  # a judge that comes back from onnxruntime should not wait 5 ms for the thread that publishes
    worker = faust.Worker(app, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None  # the log is for machines
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        return app.exit_code or (ended.code if isinstance(ended.code, int) else CRASHED)
    return app.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

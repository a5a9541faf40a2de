"""The real Kafka broker: one KRaft node on loopback."""

import base64
import subprocess
import uuid
from pathlib import Path

from core.errors import ConfigurationError
from local.jars import fetch, lock
from local.java import class_path, heap, java, write_properties
from local.monitoring import CHART
from local.part import Part, bound
from local.settings import StackSettings


def kafka(settings: StackSettings) -> Part:
    """The broker as a part."""
    home = settings.data / "kafka"
    configuration = home / "server.properties"
    port = settings.port("kafka_port")
    return Part(
        name="kafka",
        title="Kafka",
        address=f"127.0.0.1:{port}",
        command=(
            java(),
            *heap(settings.kafka_heap_mb),
            *watched(settings),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
            "--sun-misc-unsafe-memory-access=allow",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            class_path("kafka"),
            "kafka.Kafka",
            str(configuration),
        ),
        prepare=lambda: prepare(settings, home, configuration),
        ready=lambda: answers(port),
        stop_seconds=20.0,
    )


def watched(settings: StackSettings) -> tuple[str, ...]:
    """The flag that has the broker tell Prometheus what it does, where the stack is monitored."""
    if not settings.monitor:
        return ()
    (jar,) = lock.load("jmx")
    agent = fetch.folder("jmx") / jar.file_name
    return (f"-javaagent:{agent}=127.0.0.1:{settings.port('kafka_metrics_port')}:{CHART / 'prometheus' / 'kafka-jmx.yml'}",)


def prepare(settings: StackSettings, home: Path, configuration: Path) -> None:
    """Writes the configuration, and formats the storage the first time."""
    port, controller = settings.port("kafka_port"), settings.port("kafka_controller_port")
    write_properties(
        configuration,
        {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "log.dirs": home / "data",
            "auto.create.topics.enable": "false",
            "message.max.bytes": 16 * 1024 * 1024,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 8,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 8,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "log.segment.bytes": 64 * 1024 * 1024,
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        },
    )
    if not (home / "data" / "meta.properties").exists():
        cluster = base64.urlsafe_b64encode(b"\x01" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        tool = (java(), "-Xmx128m", "-cp", class_path("kafka"), "kafka.tools.StorageTool")
        command = bound([*tool, "format", "--ignore-formatted", "-t", cluster, "-c", str(configuration)])
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            raise ConfigurationError(f"Kafka could not format its storage in {home}: {(result.stderr or result.stdout).strip()}")


def answers(port: int) -> str | None:
    """None when the broker answers a request, or else what is missing."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    try:
        known = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0}).list_topics(timeout=2)
    except KafkaException as error:
        return str(error.args[0].str())
    return None if known.brokers else "no broker in the cluster"

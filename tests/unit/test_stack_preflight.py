"""What stands in a stack's way is one sentence, before anything is started."""

import socket
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from local import memory, preflight
from local.ports import free_ports
from local.settings import PORTS, StackSettings


def stack(data: Path, **more: object) -> StackSettings:
    return StackSettings(vigia_data_dir=data, **{**free_ports(), **more})


@pytest.fixture
def listener():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


def test_a_taken_port_is_named_with_its_holder_and_both_ways_out(tmp_path, listener):
    port = listener.getsockname()[1]
    with pytest.raises(ConfigurationError) as raised:
        preflight.ports(stack(tmp_path, kafka_port=port), ["kafka_port", "mlflow_port"])
    message = str(raised.value)
    assert message.startswith(f"port {port} (Kafka")
    assert "--port-offset" in message
    assert "KAFKA_PORT" in message
    assert "MLFLOW_PORT" not in message
    assert "\n" not in message


def test_all_taken_ports_are_named_at_once(tmp_path, listener):
    port = listener.getsockname()[1]
    with pytest.raises(ConfigurationError, match=r"ports .*\(Kafka.*\(Neo4j \(Bolt\).* are taken"):
        preflight.ports(stack(tmp_path, kafka_port=port, neo4j_bolt_port=port), ["kafka_port", "neo4j_bolt_port"])


def test_the_offset_that_is_proposed_is_free(listener):
    port = listener.getsockname()[1]
    assert preflight.free_offset([port - 100], 0) >= 200
    assert preflight.free_offset([port], 300) >= 400


def test_a_port_beyond_the_last_one_is_refused_with_the_setting(tmp_path):
    with pytest.raises(ConfigurationError, match="lower --port-offset or MLFLOW_PORT"):
        preflight.ports(stack(tmp_path, mlflow_port=60_000, vigia_port_offset=10_000), ["mlflow_port"])


def test_a_directory_that_cannot_be_made_is_refused_with_the_setting(tmp_path):
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(ConfigurationError, match="--data-dir"):
        preflight.writable(tmp_path / "file" / "data")


def test_too_little_disk_names_what_is_needed(tmp_path):
    with pytest.raises(ConfigurationError, match=r"1,000,000,000 MB are needed: make room, or choose"):
        preflight.disk(tmp_path, 1_000_000_000, "choose another place with --data-dir")


def test_too_little_memory_names_the_heaps():
    with pytest.raises(ConfigurationError, match="KAFKA_HEAP_MB and NEO4J_HEAP_MB"):
        preflight.enough_memory(3_000, 2_999)
    preflight.enough_memory(3_000, 3_000)


def test_a_whole_stack_is_expected_to_need_about_five_gigabytes(tmp_path):
    settings = stack(tmp_path)
    assert 4_500 < memory.needed_mb(settings, memory.RESIDENT_MB) < 5_500
    assert memory.needed_mb(stack(tmp_path, kafka_heap_mb=1024), ["kafka"]) - memory.needed_mb(settings, ["kafka"]) == 512


def test_a_container_s_limit_counts(tmp_path):
    (tmp_path / "memory.max").write_text("300000000\n")
    (tmp_path / "memory.current").write_text("100000000\n")
    assert memory.available_mb(tmp_path) == 200
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_mb(tmp_path) == pytest.approx(memory.available_mb(tmp_path / "none"), rel=0.2)


def test_every_port_setting_is_checked_for_some_part():
    assert sorted(name for names in preflight.PORTS_OF.values() for name in names) == sorted(PORTS)

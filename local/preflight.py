"""What must be true before anything is started. Each problem is one sentence that names the setting to change."""

import getpass
import os
import shutil
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

from core.errors import ConfigurationError
from local import memory
from local.jars import fetch, lock
from local.settings import PORTS, StackSettings

DISK_MB = 3_500
"""Free disk under the data directory that a whole stack should have, in MB: days of data."""

PART_DISK_MB = 300
"""The same for a single server."""

HIGHEST_PORT = 65_535

PORTS_OF = {
    "kafka": ("kafka_port", "kafka_controller_port", "kafka_metrics_port"),
    "prometheus": ("prometheus_port",),
    "alertmanager": ("alertmanager_port",),
    "neo4j": ("neo4j_bolt_port", "neo4j_http_port"),
    "postgres-raw": ("postgres_raw_port",),
    "postgres-metadata": ("postgres_metadata_port",),
    "mlflow": ("mlflow_port",),
    "prefect": ("prefect_port",),
    "source": ("source_port",),
    "score": ("score_web_port",),
    "graph": ("graph_web_port",),
    "archive": ("archive_web_port",),
    "flows": ("flows_metrics_port",),
    "api": ("api_port",),
    "ui": ("ui_port",),
}
"""The ports that each part listens on."""


def check(settings: StackSettings, names: Iterable[str]) -> None:
    """Raises ConfigurationError for the first thing that would keep these parts from running."""
    if sys.platform == "win32":
        raise ConfigurationError("the embedded stack runs on Linux and macOS: on Windows, use the Linux subsystem (WSL)")
    parts = tuple(names)
    ports(settings, [name for part in parts for name in PORTS_OF.get(part, ())])
    writable(settings.data)
    disk(settings.data, DISK_MB if "mlflow" in parts else PART_DISK_MB * len(parts), "choose another place with --data-dir")
    missing = [server for server in lock.needed(parts, monitored=settings.monitor) if not fetch.folder(server).is_dir()]
    writable(fetch.cache_directory(), "VIGIA_CACHE_DIR")
    size = sum(jar.size for server in missing for jar in lock.load(server)) // 1_000_000
    disk(fetch.cache_directory(), size, "choose another place for the fetched jars with VIGIA_CACHE_DIR")
    enough_memory(memory.needed_mb(settings, parts), memory.available_mb())


def writable(directory: Path, setting: str = "--data-dir or VIGIA_DATA_DIR") -> None:
    """Makes the directory, and writes to it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"{directory} cannot be written by {getpass.getuser()} ({error.strerror}): choose another directory with {setting}"
        ) from error


def disk(directory: Path, needed_mb: int, remedy: str) -> None:
    """Looks at the disk under a directory."""
    free = shutil.disk_usage(directory).free // 1_000_000
    if free < needed_mb:
        raise ConfigurationError(f"{directory} has {free:,} MB of free disk, and {needed_mb:,} MB are needed: make room, or {remedy}")


def enough_memory(needed: int, available: int) -> None:
    """Compares what is needed with what there is, both in MB."""
    if available < needed:
        raise ConfigurationError(
            f"{available:,} MB of memory are free, and {needed:,} MB are needed: stop something else, or lower KAFKA_HEAP_MB and "
            f"NEO4J_HEAP_MB (512 each by default)"
        )


def ports(settings: StackSettings, names: Iterable[str]) -> None:
    """Sees whether each port can be listened on; all that cannot are named at once, with an offset at which they can."""
    wanted = {name: settings.port(name) for name in names}
    for name, port in wanted.items():
        if not 0 < port <= HIGHEST_PORT:
            raise ConfigurationError(
                f"port {port} ({PORTS[name]}) is no port, which end at {HIGHEST_PORT}: lower --port-offset or {name.upper()}"
            )
    taken = {name: port for name, port in wanted.items() if not free(port)}
    if taken:
        holders = _holders(taken.values())
        listed = ", ".join(f"{port} ({PORTS[name]}{holders.get(port, '')})" for name, port in taken.items())
        one = len(taken) == 1
        remedy = f"or only this one with {next(iter(taken)).upper()}" if one else f"or single ones with {', '.join(map(str.upper, taken))}"
        raise ConfigurationError(
            f"port{'' if one else 's'} {listed} {'is' if one else 'are'} taken: shift all ports with "
            f"--port-offset {free_offset(list(wanted.values()), settings.vigia_port_offset)}, {remedy}"
        )


def free(port: int) -> bool:
    """Whether nobody listens on the port of the loopback interface."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_offset(wanted: list[int], current: int) -> int:
    """The first hundred beyond the current offset at which every one of the wanted ports is free."""
    for more in range(100, HIGHEST_PORT - max(wanted), 100):
        if all(free(port + more) for port in wanted):
            return current + more
    return current + 100


def _holders(taken: Iterable[int]) -> dict[int, str]:
    """Who listens on the ports, as far as the system tells."""
    try:
        listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        found = {c.laddr.port: c.pid for c in listening if c.laddr and c.pid}
        return {port: f", by {psutil.Process(found[port]).name()}, pid {found[port]}" for port in taken if port in found}
    except psutil.Error:
        return {}

"""How much memory a stack needs, and how much there is: the machine's, or the container's if that is less."""

from collections.abc import Iterable
from pathlib import Path

import psutil

from local.settings import StackSettings

RESIDENT_MB = {
    "kafka": 150,
    "neo4j": 300,
    "postgres-raw": 50,
    "postgres-metadata": 50,
    "mlflow": 280,
    "source": 120,
    "prefect": 320,
    "deployments": 200,
    "flows": 1_100,
    "models": 50,
    "score": 250,
    "graph": 200,
    "archive": 150,
    "simulate": 150,
    "api": 450,
    "ui": 250,
    "prometheus": 120,
    "alertmanager": 40,
}
"""What each part takes in MB, measured and rounded up; Kafka and Neo4j without their heaps."""

SUPERVISOR_MB = 70
CGROUP = Path("/sys/fs/cgroup")


def needed_mb(settings: StackSettings, names: Iterable[str]) -> int:
    """What these parts take when they have grown to their limits, in MB."""
    heaps = {"kafka": settings.kafka_heap_mb, "neo4j": settings.neo4j_heap_mb}
    return SUPERVISOR_MB + sum(RESIDENT_MB[name] + heaps.get(name, 0) for name in names)


def available_mb(cgroup: Path = CGROUP) -> int:
    """What can be had without swapping, in MB."""
    available = psutil.virtual_memory().available
    try:
        limit, used = (cgroup / "memory.max").read_text().strip(), (cgroup / "memory.current").read_text().strip()
        if limit != "max":
            available = min(available, int(limit) - int(used))
    except (OSError, ValueError):  # no container, or one of another kind
        pass
    return max(0, available) // 1_000_000

"""How any process answers Prometheus, and says which one it is."""

from importlib.metadata import version

from prometheus_client import REGISTRY, CollectorRegistry, Gauge
from prometheus_client.exposition import choose_encoder

BUILD = Gauge("vigia_build_info", "1 for the process and its version", ["service", "version"])


def tell_build(service: str) -> None:
    """Says once which process this is, and of which version."""
    BUILD.labels(service, version("vigia")).set(1)


def exposed(accept: str | None, registry: CollectorRegistry = REGISTRY) -> tuple[bytes, str]:
    """What Prometheus reads, and its content type; with exemplars where OpenMetrics is asked for."""
    encode, content_type = choose_encoder(accept or "")
    return encode(registry), content_type

"""Who watches the stack: Prometheus and Alertmanager, with the very configuration, rules and alerts that compose and the chart use.

They are no Python packages: they come from the system's (Debian: prometheus, prometheus-alertmanager), and are part of the stack where
it is asked to be monitored.
"""

import json
import shutil
from pathlib import Path

from core.errors import ConfigurationError
from local.mlflow import http_problem
from local.part import Part
from local.settings import StackSettings

CHART = Path(__file__).parents[1] / "charts" / "umbrella"
"""Where the files are that everybody who watches uses; there in a checkout, not in an installed package."""

SCRAPED = {
    "score": ("score_web_port", "/metrics"),
    "graph": ("graph_web_port", "/metrics"),
    "archive": ("archive_web_port", "/metrics"),
    "api": ("api_port", "/metrics"),
    "ui": ("ui_port", "/_stcore/metrics"),
    "flows": ("flows_metrics_port", "/metrics"),
    "prefect": ("prefect_port", "/api/metrics"),
    "kafka": ("kafka_metrics_port", "/metrics"),
    "source": ("source_port", "/metrics"),
    "prometheus": ("prometheus_port", "/metrics"),
    "alertmanager": ("alertmanager_port", "/metrics"),
}
"""By service, the setting of its port, and the path of its metrics."""


def prometheus(settings: StackSettings) -> Part:
    """Scrapes every part and evaluates the rules."""
    home, port = settings.data / "prometheus", settings.port("prometheus_port")
    return Part(
        name="prometheus",
        title="Prometheus",
        address=f"http://127.0.0.1:{port}",
        command=(
            program("prometheus"),
            f"--config.file={home / 'prometheus.yml'}",
            f"--storage.tsdb.path={home / 'data'}",
            "--storage.tsdb.retention.time=15d",
            "--enable-feature=exemplar-storage",
            f"--web.listen-address=127.0.0.1:{port}",
        ),
        prepare=lambda: prepare(settings, home),
        ready=lambda: http_problem(f"http://127.0.0.1:{port}/-/ready"),
    )


def alertmanager(settings: StackSettings) -> Part:
    """Groups alerts, and keeps quiet about what another one says already."""
    port = settings.port("alertmanager_port")
    return Part(
        name="alertmanager",
        title="Alertmanager",
        address=f"http://127.0.0.1:{port}",
        command=(
            program("prometheus-alertmanager", "alertmanager"),
            f"--config.file={CHART / 'prometheus' / 'alertmanager.yml'}",
            f"--storage.path={settings.data / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ),
        ready=lambda: http_problem(f"http://127.0.0.1:{port}/-/ready"),
    )


def prepare(settings: StackSettings, home: Path) -> None:
    """Lays the configuration and the rules into a folder, with this stack's targets beside them."""
    targets = [
        {"targets": [_at(settings, port)], "labels": {"service": service, "__metrics_path__": path}}
        for service, (port, path) in SCRAPED.items()
    ]
    for folder in ("rules", "targets", "alertmanagers"):
        shutil.rmtree(home / folder, ignore_errors=True)
        (home / folder).mkdir(parents=True)
    shutil.copyfile(CHART / "prometheus" / "prometheus.yml", home / "prometheus.yml")
    for rules in (CHART / "rules").glob("*.yml"):
        shutil.copyfile(rules, home / "rules" / rules.name)
    for folder, found in (("targets", targets), ("alertmanagers", [{"targets": [_at(settings, "alertmanager_port")]}])):
        (home / folder / "local.yml").write_text(json.dumps(found), "utf-8")  # which is YAML, too


def program(*names: str) -> str:
    """The path of a program under the first of its names that is there; raises ConfigurationError."""
    if found := next(filter(None, map(shutil.which, names)), None):
        return found
    raise ConfigurationError(f"{names[0]} is not on this machine: install it with your system's packages, or start without --monitor")


def _at(settings: StackSettings, port: str) -> str:
    return f"127.0.0.1:{settings.port(port)}"

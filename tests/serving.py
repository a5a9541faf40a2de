"""The inference API on a real server in this process, with the tests' model from its cache on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from adapters.cache import CURRENT
from api.__main__ import build
from api.settings import ApiSettings
from tests.declarations import SPEC
from tests.http import running
from tests.workers import until

NOWHERE = {
    "RAW_DATABASE_URL": "postgresql://vigia:secreto@127.0.0.1:9/raw",
    "METADATA_DATABASE_URL": "postgresql://vigia:secreto@127.0.0.1:9/vigia",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    "PREFECT_API_URL": "http://127.0.0.1:9/api",
    "NEO4J_URI": "bolt://127.0.0.1:9",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
    "API_DATASETS": '["exportaciones"]',
}
"""Servers that do not answer: what a test needs, it names."""

VERSION = "test"
"""The version of the model that is served."""


def cached(bundle: Path, state: Path) -> Path:
    """A state directory whose cache has the bundle as the last good version."""
    models = state / "api" / "models" / SPEC.model
    shutil.copytree(bundle, models / VERSION)
    (models / CURRENT).write_text(VERSION, "utf-8")
    return state


@contextmanager
def serving(state: Path, **environment: str) -> Iterator[httpx.Client]:
    """A client of a server with these settings, ready as soon as it has a model, if its state has one."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**NOWHERE, "VIGIA_STATE_DIR": str(state), **environment}.items():
            patch.setenv(name, value)
        app = build(ApiSettings())  # type: ignore[call-arg]  # from the environment
    with running(app) as client:
        if (state / "api" / "models").is_dir():
            until(lambda: client.get("/readyz").status_code == 200, lambda: client.get("/readyz").text)
        yield client

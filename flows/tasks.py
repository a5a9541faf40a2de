"""What every flow's tasks have in common: they are tried again while a dependency is down, and only then."""

from typing import Annotated, Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff
from pydantic import Field

from adapters.registry import Registered
from core.errors import Unavailable
from flows.settings import FlowSettings, migrated
from schemas import datasets

DatasetName = Annotated[str, Field(description="whose declarations", json_schema_extra={"enum": list(datasets.names())})]
"""A flow's parameter: Prefect's page offers the datasets that there are."""


def passes(_task: Any, _run: Any, state: Any) -> bool:
    """Whether a failure will pass by itself."""
    return isinstance(state.result(raise_on_failure=False), Unavailable)


PATIENT: dict[str, Any] = {
    "retries": 6,
    "retry_delay_seconds": exponential_backoff(backoff_factor=0.5),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": passes,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}
"""Options of a task that needs a database, the registry or the source: half a minute of patience in all."""

ONCE: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
"""Options of a task that would fail again in the same way."""


@task(name="prepare the databases", task_run_name="prepare the databases", **PATIENT)
def prepare(at: FlowSettings) -> None:
    """Brings both databases to this release's schema: what every flow begins with."""
    for database in (at.raw, at.metadata):
        migrated(database)


@task(name="look up production", task_run_name="look up production", **PATIENT)
def in_production(at: FlowSettings, model: str) -> Registered | None:
    """The version of a model that is in production, None if there is none."""
    return at.registry().in_production(model)


def key(*parts: str) -> str:
    """The key of an artifact: lower case letters, digits and dashes."""
    return "-".join(parts).replace("_", "-").lower()

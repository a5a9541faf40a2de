"""The metrics of the models that a process serves with: the same in every process that does, told apart by who is scraped."""

import time
from collections.abc import Iterable
from contextlib import suppress

from prometheus_client import Counter, Gauge

from adapters.serving import ServedModel

MODEL_INFO = Gauge("vigia_model_info", "1 for the model version that scores a dataset", ["dataset", "name", "version"])
MODEL_SWAPS = Counter("vigia_model_swaps_total", "Versions that took over from another one or from none", ["dataset"])
MODEL_LOAD_SECONDS = Gauge("vigia_model_load_seconds", "How long fetching and verifying the last of them took, off the loop", ["dataset"])
MODEL_PROBLEM = Gauge("vigia_model_problem", "1 while the registry does not answer, or its version was refused", ["dataset"])
MODEL_PROMOTED = Gauge("vigia_model_promoted_timestamp_seconds", "When the version that scores went into production", ["dataset"])


def refresh(model: ServedModel) -> None:
    """Has a model follow the registry, and counts when another version took over."""
    began = time.perf_counter()
    if model.refresh():
        MODEL_SWAPS.labels(model.spec.name).inc()
        MODEL_LOAD_SECONDS.labels(model.spec.name).set(time.perf_counter() - began)


def tell_models(models: Iterable[ServedModel]) -> None:
    """Says which versions serve, since when they are in production, and what is wrong."""
    MODEL_INFO.clear()
    for model in models:
        dataset = model.spec.name
        MODEL_SWAPS.labels(dataset)  # a counter that is there from the start shows its first event, too
        MODEL_PROBLEM.labels(dataset).set(model.problem is not None)
        if serving := model.serving:
            MODEL_INFO.labels(dataset, serving.name, serving.version).set(1)
        if model.promoted:
            MODEL_PROMOTED.labels(dataset).set(model.promoted.timestamp())
        else:
            with suppress(KeyError):
                MODEL_PROMOTED.remove(dataset)

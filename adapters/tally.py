"""A histogram for those who measure thousands at a time: one NumPy call counts a whole batch, where Prometheus' own client takes
a lock for each observation."""

from collections.abc import Iterator, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar


class Tally(Collector):
    """A histogram with labels. `buckets` are upper bounds, inclusive, ascending; one without a bound is added."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], buckets: Sequence[float], registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._name, self._text, self._labels, self._bounds = name, text, tuple(labels), np.asarray(buckets, dtype=np.float64)
        self._counts: dict[tuple[str, ...], NDArray[np.int64]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        self._exemplars: dict[tuple[str, ...], dict[int, Exemplar]] = {}
        self._lock = Lock()
        registry.register(self)

    def observe(self, values: NDArray[np.float64], *labels: str, exemplar: tuple[float, str] | None = None) -> None:
        """Counts the values. `exemplar` is one of them with the trace that it belongs to."""
        places = np.searchsorted(self._bounds, values, side="left")
        with self._lock:
            counts = self._counts.setdefault(labels, np.zeros(len(self._bounds) + 1, dtype=np.int64))
            counts += np.bincount(places, minlength=len(counts))
            self._sums[labels] = self._sums.get(labels, 0.0) + float(values.sum())
            if exemplar:
                value, trace_id = exemplar
                place = int(np.searchsorted(self._bounds, value, side="left"))
                self._exemplars.setdefault(labels, {})[place] = Exemplar({"trace_id": trace_id}, value)

    def describe(self) -> list[Metric]:
        """The name, so that another metric cannot take it."""
        return [self._family()]

    def collect(self) -> Iterator[Metric]:
        """What has been counted so far."""
        family = self._family()
        bounds = [*(str(bound) for bound in self._bounds.tolist()), "+Inf"]
        with self._lock:
            for labels, counts in self._counts.items():
                named = self._exemplars.get(labels, {})
                buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = [
                    (bound, upto, named[at]) if at in named else (bound, upto)
                    for at, (bound, upto) in enumerate(zip(bounds, np.cumsum(counts).tolist(), strict=True))
                ]
                family.add_metric(labels, buckets, self._sums[labels])
        yield family

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._text, labels=self._labels)

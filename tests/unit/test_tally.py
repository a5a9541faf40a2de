"""A histogram that counts a batch at a time says the same as Prometheus' own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.openmetrics.exposition import generate_latest

from adapters.tally import Tally

BOUNDS = (0.5, 1, 2.5, 10)


@given(st.lists(st.floats(min_value=0, max_value=100), max_size=50))
def test_it_counts_as_prometheus_own_histogram_does(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    Tally("waited_seconds", "text", ["dataset"], BOUNDS, ours).observe(np.array(values), "exportaciones")
    histogram = Histogram("waited_seconds", "text", ["dataset"], buckets=BOUNDS, registry=theirs).labels("exportaciones")
    for value in values:
        histogram.observe(value)
    names = [("waited_seconds_bucket", {"dataset": "exportaciones", "le": str(bound)}) for bound in (0.5, 1.0, 2.5, 10.0, "+Inf")]
    for name, labels in [*names, ("waited_seconds_count", {"dataset": "exportaciones"})]:
        assert ours.get_sample_value(name, labels) == theirs.get_sample_value(name, labels)
    summed = ours.get_sample_value("waited_seconds_sum", {"dataset": "exportaciones"})
    assert summed == pytest.approx(sum(values))


def test_an_exemplar_is_shown_with_the_bucket_that_its_value_is_in() -> None:
    registry = CollectorRegistry()
    Tally("waited_seconds", "text", ["dataset"], BOUNDS, registry).observe(np.array([0.2, 3.0]), "exportaciones", exemplar=(3.0, "abc"))
    shown = [line for line in generate_latest(registry).decode().splitlines() if "trace_id" in line]
    assert len(shown) == 1
    assert shown[0].startswith('waited_seconds_bucket{dataset="exportaciones",le="10.0"} 2.0 # {trace_id="abc"} 3.0')


def test_two_metrics_cannot_have_one_name() -> None:
    registry = CollectorRegistry()
    Tally("waited_seconds", "text", ["dataset"], BOUNDS, registry)
    with pytest.raises(ValueError, match="waited_seconds"):
        Tally("waited_seconds", "text", ["dataset"], BOUNDS, registry)

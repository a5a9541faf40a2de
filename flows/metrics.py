"""What Prometheus learns of the flows. Flow runs are processes that come and go, so nothing is kept in them: every scrape reads
what they recorded, in Prefect and in the two databases."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future
from threading import Thread

import httpx
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core.errors import Unavailable
from flows.landing import positions
from flows.settings import FlowSettings, migrated

log = logging.getLogger(__name__)

FLOWS = ("ingest", "retrain", "watch", "promote", "rollback")
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
UNDER_WAY = ("PENDING", "RUNNING")
WITHIN_S = 6.0
"""How long a scrape may take: Prometheus gives up after ten seconds, and would then know nothing of the process."""


class FlowCollector(Collector):
    """Asks when it is asked, all at once. What cannot be reached in time is left out, and `vigia_flows_source_up` says so."""

    def __init__(self, settings: FlowSettings, prefect_api_url: str) -> None:
        self._settings = settings
        self._prefect = httpx.Client(base_url=prefect_api_url.rstrip("/"))
        self._reading: dict[str, Future[list[Metric]]] = {}

    def describe(self) -> list[Metric]:
        """Nothing in advance: registering must not read a database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics of one scrape."""
        up = GaugeMetricFamily("vigia_flows_source_up", "1 when what the flows' metrics come from could be read", labels=["source"])
        deadline = time.monotonic() + WITHIN_S
        reads = {"prefect": self._runs(deadline), "raw": self._ingest(), "metadata": self._metadata()}
        for source, read in reads.items():
            self._begin(source, read)
        for source in reads:
            found, reached = _reached(source, self._reading[source], deadline)
            up.add_metric([source], reached)
            yield from found
        yield up

    def _begin(self, source: str, read: Iterator[Metric]) -> None:
        """Reads in a thread that keeps no process from ending. A source that is still being read is not asked once more."""
        if source in self._reading and not self._reading[source].done():
            return
        reading: Future[list[Metric]] = Future()
        self._reading[source] = reading

        def run() -> None:
            try:
                reading.set_result(list(read))
            except Exception as error:  # it is raised where the result is asked for
                reading.set_exception(error)

        Thread(target=run, name=f"metrics-{source}", daemon=True).start()

    def _runs(self, deadline: float) -> Iterator[Metric]:
        ended = CounterMetricFamily("vigia_flow_runs", "Flow runs that have ended, by flow and state", labels=["flow", "state"])
        active = GaugeMetricFamily("vigia_flow_runs_active", "Flow runs under way", labels=["flow"])
        for flow in FLOWS:
            for state in ENDED:
                ended.add_metric([flow, state.lower()], self._count(flow, [state], deadline))
            active.add_metric([flow], self._count(flow, list(UNDER_WAY), deadline))
        yield from (ended, active)

    def _count(self, flow: str, states: list[str], deadline: float) -> int:
        left = max(0.1, deadline - time.monotonic())
        body = {"flows": {"name": {"any_": [flow]}}, "flow_runs": {"state": {"type": {"any_": states}}}}
        return int(self._prefect.post("/flow_runs/count", json=body, timeout=left).raise_for_status().json())

    def _ingest(self) -> Iterator[Metric]:
        rows = CounterMetricFamily("vigia_ingested_rows", "Rows that a source's pages brought", labels=["source", "dataset", "result"])
        at = GaugeMetricFamily("vigia_ingested_timestamp_seconds", "When a page was last landed", labels=["source", "dataset"])
        for each in positions(migrated(self._settings.raw)):
            rows.add_metric([each.source, each.dataset, "landed"], each.rows - each.rejected)
            rows.add_metric([each.source, each.dataset, "rejected"], each.rejected)
            at.add_metric([each.source, each.dataset], each.at)
        yield from (rows, at)

    def _metadata(self) -> Iterator[Metric]:
        from flows.metadata import Metadata

        metadata = Metadata(migrated(self._settings.metadata))
        rows = GaugeMetricFamily("vigia_snapshot_rows", "Declarations in the newest training snapshot", labels=["dataset"])
        fit = GaugeMetricFamily("vigia_snapshot_fit", "1 when the newest snapshot was fit to learn from", labels=["dataset"])
        taken = GaugeMetricFamily("vigia_snapshot_timestamp_seconds", "When it was taken", labels=["dataset"])
        for each in metadata.latest("snapshots", "created_at"):
            for family, value in ((rows, each["rows"]), (fit, each["fit"]), (taken, each["at"])):
                family.add_metric([each["dataset"]], value)
        passed = GaugeMetricFamily("vigia_gate_passed", "1 when the newest candidate passed the gate", labels=["dataset"])
        measures = GaugeMetricFamily("vigia_gate_measure", "What the gate measured of the newest candidate", labels=["dataset", "measure"])
        for each in metadata.latest("gates", "judged_at"):
            passed.add_metric([each["dataset"]], each["promote"])
            for name, value in each["measures"].get("challenger", {}).items():
                measures.add_metric([each["dataset"], name], value)
        drifted = GaugeMetricFamily("vigia_drifted", "1 when the newest drift report says so", labels=["dataset"])
        signals = GaugeMetricFamily("vigia_drift", "The newest drift report's figures", labels=["dataset", "what", "measure"])
        looked = GaugeMetricFamily("vigia_drift_timestamp_seconds", "When it was made", labels=["dataset"])
        for each in metadata.latest("drift_reports", "created_at"):
            drifted.add_metric([each["dataset"]], each["drifted"])
            looked.add_metric([each["dataset"]], each["at"])
            for signal in each["signals"]:
                signals.add_metric([each["dataset"], signal["name"], signal["measure"]], signal["value"])
        yield from (rows, fit, taken, passed, measures, drifted, signals, looked)


def _reached(source: str, metrics: Future[list[Metric]], deadline: float) -> tuple[list[Metric], int]:
    try:
        return metrics.result(max(0.0, deadline - time.monotonic())), 1
    except TimeoutError:
        log.warning("the flows' metrics are incomplete: %s did not tell all within %g s", source, WITHIN_S)
    except (Unavailable, httpx.HTTPError) as error:
        log.warning("the flows' metrics are incomplete: %s: %s", source, error)
    return [], 0

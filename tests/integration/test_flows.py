"""Models are trained, judged, promoted, taken back and watched, on real PostgreSQL, MLflow with its artifacts on S3, and Prefect."""

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import httpx
import mlflow
import pytest
from prefect.client.schemas.objects import State
from prefect.events.worker import EventsWorker
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import SecretStr

from adapters import bundle
from adapters.cache import BundleCache
from adapters.kafka import TopicSettings
from flows.metadata import Metadata
from flows.metrics import FlowCollector
from flows.promotion import promote, rollback
from flows.settings import settings
from flows.watch import watch
from schemas.declaration import Parser
from schemas.events import ScoredRecord
from simulator import reference
from simulator.generate import Drift
from stream.archive import Archive
from stream.decide import Lane, decide
from tests.fakes import Message
from tests.learning import BUCKET, Flows, Learning
from tests.workers import until


@pytest.fixture(scope="module")
def here(learning: Learning, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flows]:
    with Flows(learning, "sustancias_controladas").sourced(tmp_path_factory.mktemp("state")) as flows:
        yield flows


@pytest.fixture(scope="module")
def first(here: Flows) -> State:
    """The first model."""
    return here.first_model()


def test_the_first_model_that_passes_the_floors_goes_into_production(here: Flows, first: State) -> None:
    assert first.name == "Promoted", first.message
    assert here.production() == "1"
    version = here.registry.client.get_model_version(here.model, "1")
    assert version.tags["vigia.gate"] == "passed"
    assert version.tags["vigia.gate.reasons"].startswith("the first model, and it passes every floor")
    (gate,) = here.learning.rows("SELECT version, promote, champion FROM gates", database="metadata")
    assert gate == ("1", True, None)
    assert here.learning.last_run("retrain")["name"] == f"retrain {here.dataset}: first model"


def test_mlflow_has_everything_that_a_data_scientist_asks_for(here: Flows, first: State) -> None:
    version = here.registry.client.get_model_version(here.model, "1")
    found = here.registry.client.get_run(version.run_id)
    assert {"seed", "epochs", "snapshot", "rows", "data_sha256"} <= set(found.data.params)
    assert {"held_out_loss", "parity", "threshold", "training_loss", "later_loss"} <= set(found.data.metrics)
    assert len(here.registry.client.get_metric_history(version.run_id, "later_loss")) == here.EPOCHS
    (used,) = found.inputs.dataset_inputs
    digest = here.learning.rows("SELECT digest FROM snapshots", database="metadata")[0][0]
    assert used.dataset.digest == digest[:32]
    names = {each.path for each in here.registry.client.list_artifacts(version.run_id, "pictures")}
    assert names == {"pictures/curves.png", "pictures/errors.png", "pictures/shap_summary.png"}
    card = mlflow.artifacts.load_text(f"{found.info.artifact_uri}/card.md")
    assert card.startswith(f"# {here.model}")
    assert f"{found.data.metrics['gate_roc_auc']:.3f}" in card
    assert version.description == card


def test_the_model_that_mlflow_loads_gives_the_verdicts_of_the_bundle_and_has_a_signature(here: Flows, first: State, tmp_path) -> None:
    import pandas

    mlflow.set_tracking_uri(here.registry.settings.mlflow_tracking_uri)
    loaded = mlflow.pyfunc.load_model(f"models:/{here.model}@production")
    assert {each.name for each in loaded.metadata.signature.inputs} == {field.name for field in here.spec.fields}
    row = {"declaration_id": "1", "empresa": "ABC", "subpartida": "110100", "puerto": "CARTAGENA"}
    found = loaded.predict(pandas.DataFrame([row]))
    model = here.registry.in_production(here.model)
    assert model is not None
    scorer = bundle.load(BundleCache(tmp_path).fetch(here.registry, model))
    scores = scorer.score([Parser(here.spec).from_row(row)])
    assert found.to_dict("records") == [
        {"declaration_id": "1", "error": scores.error[0], "score": scores.score[0], "anomaly": bool(scores.anomaly[0])}
    ]


def test_the_artifacts_are_on_s3(here: Flows, first: State) -> None:
    client = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert any(key.endswith("data/bundle/network.onnx") for key in keys)
    assert any(key.endswith("tables/learn.parquet") for key in keys)


def test_a_run_is_repeated_from_its_snapshot_and_the_equal_model_stays_a_candidate(here: Flows, first: State) -> None:
    identifier = here.learning.rows("SELECT id FROM snapshots", database="metadata")[0][0]
    state = here.retrain(snapshot=identifier)
    assert state.name == "Candidate"
    assert "no better than the model in production" in (state.message or "")
    assert here.production() == "1"
    one, two = (here.registry.version(here.model, version) for version in ("1", "2"))
    assert one.digest == two.digest, "the same rows and the same seed make the same bundle"
    assert here.registry.client.get_model_version(here.model, "2").tags["vigia.gate"] == "failed"
    assert Metadata(settings().metadata).baseline(two), "whoever promotes it by hand can have it watched"


def test_the_same_rows_are_the_same_snapshot(here: Flows, first: State) -> None:
    before = here.learning.rows("SELECT count(*) FROM snapshots", database="metadata")
    here.retrain(seed=2)
    assert here.learning.rows("SELECT count(*) FROM snapshots", database="metadata") == before


def test_a_version_is_promoted_by_hand_and_taken_back(here: Flows, first: State) -> None:
    state = here.run(promote, 2, here.dataset)
    assert state.message == f"version 2 of {here.model} is in production (by hand); before it was version 1"
    assert here.production() == "2"
    assert here.run(rollback, here.dataset, reason="too many alerts").message == (
        f"version 1 of {here.model} is in production again; version 2 was taken back (too many alerts)"
    )
    assert here.production() == "1"
    nothing = here.run(rollback, here.dataset)
    assert nothing.is_failed()
    assert "was the first in production" in (nothing.message or "")
    assert here.production() == "1"


@pytest.fixture
def archive(here: Flows, first: State, tmp_path: Path) -> Callable[..., None]:
    """Has declarations judged by the model in production, as the worker does, and archived as the archive does."""
    model = here.registry.in_production(here.model)
    assert model is not None
    scorer = bundle.load(BundleCache(tmp_path / "archive").fetch(here.registry, model), version=model.version)

    def judge(declarations: list[dict[str, Any]]) -> None:
        topic = f"declarations-{os.urandom(4).hex()}"
        messages = [Message(topic, offset, json.dumps(each).encode()) for offset, each in enumerate(declarations)]
        outcome = decide(messages, {topic: Lane(Parser(here.spec), scorer)}, TopicSettings(), datetime.now(UTC))
        sink = Archive(SecretStr(here.learning.url(here.learning.raw)))
        sink.open()
        sink.apply([ScoredRecord(topic, 0, offset, verdict) for offset, verdict in enumerate(outcome.verdicts)])
        sink.close()

    return judge


def events(here: Flows) -> list[dict[str, Any]]:
    """Those that ask for a retraining, as Prefect has them."""
    EventsWorker.drain_all()
    body = {"filter": {"event": {"name": ["vigia.drift.detected"]}}}
    return httpx.post(f"{here.learning.prefect}/events/filter", json=body).raise_for_status().json()["events"]


def test_usual_traffic_calls_for_nothing_and_shifted_traffic_asks_once_for_a_retraining(here: Flows, archive) -> None:
    few = here.run(watch, here.dataset)
    assert "too few" in (few.message or "")
    archive(here.traffic(1_500))
    usual = here.run(watch, here.dataset)
    assert usual.name == "Completed", usual.message
    assert events(here) == []
    goods = sorted(reference.goods(here.dataset), key=lambda each: -each.weight)[:6]
    moved = [Drift(here.UNTIL, each.subpartida, 5.0) for each in goods]
    archive(here.traffic(3_000, *moved))
    drifted = here.run(watch, here.dataset)
    assert drifted.name == "Drifted"
    assert "alert rate" in (drifted.message or "")
    until(lambda: len(events(here)) == 1, lambda: f"{events(here)}")
    (event,) = events(here)
    assert event["resource"]["prefect.resource.id"] == f"vigia.dataset.{here.dataset}"
    again = here.run(watch, here.dataset)
    assert again.name == "Drifted"
    assert "the last retraining was triggered at" in (again.message or "")
    assert len(events(here)) == 1
    reports = here.learning.rows("SELECT drifted, triggered FROM drift_reports ORDER BY created_at", database="metadata")
    assert reports == [(False, False), (False, False), (True, True), (True, False)]


def test_what_the_flows_recorded_is_what_prometheus_reads(here: Flows, first: State) -> None:
    found = scraped(FlowCollector(settings(), here.learning.prefect))
    assert found['vigia_flow_runs_total{flow="retrain",state="completed"}'] >= 1
    landed, rejected = (
        found[f'vigia_ingested_rows_total{{dataset="{here.dataset}",result="{each}",source="api"}}'] for each in ("landed", "rejected")
    )
    assert landed + rejected == here.ROWS
    assert found[f'vigia_snapshot_rows{{dataset="{here.dataset}"}}'] > 0
    assert found[f'vigia_gate_measure{{dataset="{here.dataset}",measure="roc_auc"}}'] > 0.5
    assert found['vigia_flows_source_up{source="prefect"}'] == 1


def test_metrics_that_cannot_be_read_are_left_out_and_said_to_be(here: Flows, first: State) -> None:
    found = scraped(FlowCollector(settings(), "http://127.0.0.1:9/api"))
    assert found['vigia_flows_source_up{source="prefect"}'] == 0
    assert found['vigia_flows_source_up{source="raw"}'] == 1
    assert not any(name.startswith("vigia_flow_runs") for name in found)


def test_metrics_come_before_prometheus_gives_up_even_where_prefect_is_slow(here: Flows, first: State) -> None:
    class Slow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            time.sleep(0.5)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"1")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        began = time.monotonic()
        found = scraped(FlowCollector(settings(), f"http://127.0.0.1:{server.server_port}/api"))
        took = time.monotonic() - began
        server.shutdown()
    assert took < 10, "Prometheus' scrape_timeout"
    assert [found[f'vigia_flows_source_up{{source="{each}"}}'] for each in ("prefect", "raw", "metadata")] == [0, 1, 1]


def scraped(collector: FlowCollector) -> dict[str, float]:
    """What Prometheus would read."""
    registry = CollectorRegistry()
    registry.register(collector)
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

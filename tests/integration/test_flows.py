"""The flows on real servers: PostgreSQL, MLflow with its artifacts on S3, and Prefect. Good days first, then bad ones."""

import itertools
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

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
from adapters.registry import MlflowRegistry, Registered, RegistrySettings
from adapters.serving import ServedModel
from core.errors import BundleError, ConfigurationError
from flows import promotion, tracking
from flows import retrain as retraining
from flows.ingest import ingest
from flows.metadata import Metadata
from flows.metrics import FlowCollector
from flows.promotion import promote, rollback
from flows.retrain import retrain
from flows.settings import settings
from flows.watch import watch
from schemas import datasets
from schemas.declaration import Parser
from schemas.events import ScoredRecord
from simulator.faults import Faults
from simulator.generate import Drift, Generator
from simulator.shelf import Shelf
from stream.archive import Archive
from stream.decide import Lane, decide
from tests.fakes import Message
from tests.learning import BUCKET, Learning
from tests.proxy import Proxy
from tests.source import serving
from tests.workers import until

DATASET = "exportaciones"
SPEC = datasets.load(DATASET)
MODEL = SPEC.model
UNTIL = date(2026, 3, 15)
NOW = datetime.fromisoformat("2026-03-14T23:59:00+00:00")
ROWS = 4_000
EPOCHS = 3


@pytest.fixture(scope="module")
def here(learning: Learning, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learning]:
    """A source that fails one call in five and breaks one row in a hundred, and everything behind it."""
    shelf = Shelf(DATASET, rows=ROWS, seed=7, until=UNTIL, per_day=5_700, broken_share=0.01)
    faults = Faults(Random(3), failing_share=0.2)
    with serving({DATASET: shelf}, NOW, faults) as client, pytest.MonkeyPatch.context() as patch:
        for name, value in learning.environment(str(client.base_url), tmp_path_factory.mktemp("state")).items():
            patch.setenv(name, value)
        patch.setenv("PAGE_ROWS", "200")
        yield learning


@pytest.fixture(scope="module")
def registry(here: Learning) -> MlflowRegistry:
    return MlflowRegistry(RegistrySettings(mlflow_tracking_uri=here.mlflow))


def run(flow: Callable[..., Any], *arguments: Any, **options: Any) -> State:
    """The final state of a flow."""
    return flow(*arguments, **options, return_state=True)


def retrained(**options: Any) -> State:
    return run(retrain, DATASET, until=UNTIL, epochs=EPOCHS, **options)


def production(registry: MlflowRegistry) -> str | None:
    found = registry.in_production(MODEL)
    return found.version if found else None


def counted(here: Learning) -> tuple[int, int]:
    """Declarations and rejected rows of the source."""
    found = here.rows("SELECT (SELECT count(*) FROM declarations), (SELECT count(*) FROM rejected_rows)")
    return found[0][0], found[0][1]


# -- data comes in ------------------------------------------------------------------------------


def test_an_ingest_that_breaks_off_goes_on_where_it_was_and_every_row_lands_once_or_is_kept_with_its_reason(here: Learning) -> None:
    assert run(ingest, DATASET, most_pages=3).is_completed()
    assert sum(counted(here)) == 600
    state = run(ingest, DATASET)
    assert state.is_completed()
    declarations, rejected = counted(here)
    assert declarations + rejected == ROWS
    assert 0.002 * ROWS < rejected < 0.03 * ROWS
    assert "new declarations of exportaciones" in (state.message or "")
    again = run(ingest, DATASET)
    assert again.message is not None
    assert again.message.startswith("0 new declarations of exportaciones, 0 known ones, 0 rejected rows")
    reasons = here.rows("SELECT DISTINCT code FROM rejected_rows")
    assert len(reasons) >= 3


def test_calls_that_failed_were_tried_again_and_are_seen_in_prefect(here: Learning) -> None:
    body = {"task_runs": {"name": {"like_": "page "}}, "limit": 200}
    tries = [run["run_count"] for run in httpx.post(f"{here.prefect}/task_runs/filter", json=body).json()]
    assert max(tries) > 1
    pages = httpx.post(f"{here.prefect}/artifacts/filter", json={"artifacts": {"key": {"any_": ["ingest-exportaciones"]}}}).json()
    assert any("Why rows were rejected" in each["data"] for each in pages)


# -- models are trained, judged and promoted ----------------------------------------------------


@pytest.fixture(scope="module")
def first(here: Learning, registry: MlflowRegistry) -> State:
    """The first model, made by a retraining."""
    if not sum(counted(here)):
        run(ingest, DATASET)
    return retrained(reason="first model")


def test_the_first_model_that_passes_the_floors_goes_into_production(here: Learning, registry: MlflowRegistry, first: State) -> None:
    assert first.name == "Promoted", first.message
    assert production(registry) == "1"
    version = registry.client.get_model_version(MODEL, "1")
    assert version.tags["vigia.gate"] == "passed"
    assert version.tags["vigia.gate.reasons"].startswith("the first model, and it passes every floor")
    (gate,) = here.rows("SELECT version, promote, champion FROM gates", database="metadata")
    assert gate == ("1", True, None)
    assert here.last_run("retrain")["name"] == "retrain exportaciones: first model"


def test_mlflow_has_everything_that_a_data_scientist_asks_for(here: Learning, registry: MlflowRegistry, first: State) -> None:
    version = registry.client.get_model_version(MODEL, "1")
    found = registry.client.get_run(version.run_id)
    assert {"seed", "epochs", "snapshot", "rows", "data_sha256"} <= set(found.data.params)
    assert {"held_out_loss", "parity", "threshold", "training_loss", "later_loss"} <= set(found.data.metrics)
    assert len(registry.client.get_metric_history(version.run_id, "later_loss")) == EPOCHS
    (used,) = found.inputs.dataset_inputs
    digest = here.rows("SELECT digest FROM snapshots", database="metadata")[0][0]
    assert used.dataset.digest == digest[:32]
    names = {each.path for each in registry.client.list_artifacts(version.run_id, "pictures")}
    assert names == {"pictures/curves.png", "pictures/errors.png", "pictures/shap_summary.png"}
    card = mlflow.artifacts.load_text(f"{found.info.artifact_uri}/card.md")
    assert card.startswith(f"# {MODEL}")
    assert f"{found.data.metrics['gate_roc_auc']:.3f}" in card
    assert version.description == card


def test_the_model_that_mlflow_loads_gives_the_verdicts_of_the_bundle_and_has_a_signature(
    registry: MlflowRegistry, first: State, tmp_path
) -> None:
    import pandas

    mlflow.set_tracking_uri(registry.settings.mlflow_tracking_uri)
    loaded = mlflow.pyfunc.load_model(f"models:/{MODEL}@production")
    assert {each.name for each in loaded.metadata.signature.inputs} == {field.name for field in SPEC.fields}
    row = {"declaration_id": "1", "empresa": "ABC", "subpartida": "110100", "puerto": "CARTAGENA"}
    found = loaded.predict(pandas.DataFrame([row]))
    model = registry.in_production(MODEL)
    assert model is not None
    scorer = bundle.load(BundleCache(tmp_path).fetch(registry, model))
    scores = scorer.score([Parser(SPEC).from_row(row)])
    assert found.to_dict("records") == [
        {"declaration_id": "1", "error": scores.error[0], "score": scores.score[0], "anomaly": bool(scores.anomaly[0])}
    ]


def test_the_artifacts_are_on_s3(here: Learning, first: State) -> None:
    client = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert any(key.endswith("data/bundle/network.onnx") for key in keys)
    assert any(key.endswith("tables/learn.parquet") for key in keys)


def test_a_run_is_repeated_from_its_snapshot_and_the_equal_model_stays_a_candidate(
    here: Learning, registry: MlflowRegistry, first: State
) -> None:
    identifier = here.rows("SELECT id FROM snapshots", database="metadata")[0][0]
    state = retrained(snapshot=identifier)
    assert state.name == "Candidate"
    assert "no better than the model in production" in (state.message or "")
    assert production(registry) == "1"
    one, two = (registry.version(MODEL, version) for version in ("1", "2"))
    assert one.digest == two.digest, "the same rows and the same seed make the same bundle"
    assert registry.client.get_model_version(MODEL, "2").tags["vigia.gate"] == "failed"


def test_the_same_rows_are_the_same_snapshot(here: Learning, registry: MlflowRegistry, first: State) -> None:
    before = here.rows("SELECT count(*) FROM snapshots", database="metadata")
    retrained(seed=2)
    assert here.rows("SELECT count(*) FROM snapshots", database="metadata") == before


def test_a_version_is_promoted_by_hand_and_taken_back(registry: MlflowRegistry, first: State) -> None:
    state = run(promote, "2", DATASET)
    assert state.message == f"version 2 of {MODEL} is in production (by hand); before it was version 1"
    assert production(registry) == "2"
    assert run(rollback, DATASET, reason="too many alerts").message == (
        f"version 1 of {MODEL} is in production again; version 2 was taken back (too many alerts)"
    )
    assert production(registry) == "1"
    nothing = run(rollback, DATASET)
    assert nothing.is_failed()
    assert "was the first in production" in (nothing.message or "")
    assert production(registry) == "1"


# -- bad days -----------------------------------------------------------------------------------


def test_of_two_retrainings_that_start_together_one_ends_and_says_why(here: Learning, registry: MlflowRegistry, first: State) -> None:
    before = registry.client.search_model_versions(f"name='{MODEL}'")
    with Metadata(settings().metadata).alone(f"a retraining of {DATASET}"):
        state = retrained()
    assert state.is_failed()
    assert "a retraining of exportaciones is under way already" in (state.message or "")
    assert len(registry.client.search_model_versions(f"name='{MODEL}'")) == len(before)


def test_a_poisoned_snapshot_is_not_learned_from(here: Learning, registry: MlflowRegistry, first: State) -> None:
    before = len(registry.client.search_model_versions(f"name='{MODEL}'"))
    poison = """
        INSERT INTO declarations (dataset, declaration_id, empresa, subpartida, puerto, fecha, source, declaration)
        SELECT dataset, declaration_id || '-poison-' || n, 'LA MISMA', subpartida, puerto, fecha, 'poison',
               (declaration::jsonb || jsonb_build_object('empresa', 'LA MISMA', 'declaration_id', declaration_id || '-poison-' || n))::json
        FROM declarations, generate_series(1, 3) AS n RETURNING 1
    """
    here.rows(poison)
    try:
        state = retrained()
        assert state.is_failed()
        assert "LA MISMA made 75% of the declarations (at most 50%)" in (state.message or "")
        assert len(registry.client.search_model_versions(f"name='{MODEL}'")) == before
        assert (False,) in here.rows("SELECT fit FROM snapshots", database="metadata")
    finally:
        here.rows("DELETE FROM declarations WHERE source = 'poison' RETURNING 1")


def test_without_declarations_the_retraining_says_what_to_do(here: Learning) -> None:
    state = run(retrain, "sustancias_controladas", until=UNTIL)
    assert state.is_failed()
    assert "there are no declarations of sustancias_controladas" in (state.message or "")
    assert "ingest some" in (state.message or "")


def test_with_mlflow_down_at_promotion_nothing_is_half_promoted_and_a_promotion_by_hand_ends_it(
    here: Learning, registry: MlflowRegistry, first: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy("127.0.0.1", here.stack.port("mlflow_port")) as proxy:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{proxy.port}")

        def cut_first(_: MlflowRegistry, model: Registered) -> None:
            proxy.cut()
            promotion.move.with_options(retries=0)(MlflowRegistry(RegistrySettings()), model)

        monkeypatch.setattr(retraining, "move", cut_first)
        monkeypatch.setattr(retraining, "decide", lambda *_: retraining.Verdict(True, ("better, says this test",)))
        state = retrained(seed=3)
    assert state.is_failed()
    assert "the model registry at" in (state.message or "")
    assert production(registry) == "1"
    newest = max(registry.client.search_model_versions(f"name='{MODEL}'"), key=lambda each: int(each.version))
    assert newest.tags["vigia.gate"] == "passed"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", here.mlflow)
    assert run(promote, newest.version, DATASET).is_completed()
    assert production(registry) == newest.version
    run(rollback, DATASET)


@pytest.fixture
def damaged(here: Learning, registry: MlflowRegistry, first: State, not_a_number: Path) -> Registered:
    """A registered version whose network has not-a-number for weights."""
    return tracking.register_bundle(registry, not_a_number)


def test_a_challenger_with_not_a_number_weights_is_refused_by_gate_promotion_and_worker(
    here: Learning, registry: MlflowRegistry, damaged: Registered, tmp_path: Path
) -> None:
    snapshot = Metadata(settings().metadata).snapshot(UUID(registry.client.get_model_version(MODEL, "1").tags["vigia.snapshot"]))
    assert snapshot is not None
    verdict, judged = retraining.gate(settings(), SPEC, snapshot, tmp_path, damaged)
    assert judged is None
    assert not verdict.promote
    assert "workers would refuse it" in verdict.reasons[0]
    assert registry.client.get_model_version(MODEL, damaged.version).tags["vigia.gate"] == "failed"
    state = run(promote, damaged.version, DATASET)
    assert state.is_failed()
    assert "does not give the errors that it was trained to give" in (state.message or "")
    assert production(registry) == "1"
    worker = ServedModel(SPEC, registry, BundleCache(tmp_path / "worker"), lambda path, version: bundle.load(path, version=version))
    assert worker.refresh()
    registry.promote(damaged)  # as somebody might on MLflow's own page
    assert not worker.refresh()
    assert worker.serving == Registered(MODEL, "1")
    assert "was refused" in (worker.problem or "")
    registry.restore(Registered(MODEL, "1"))
    assert not worker.refresh()
    assert worker.problem is None


def test_a_bundle_that_was_swapped_on_s3_is_refused(here: Learning, registry: MlflowRegistry, first: State, tmp_path: Path) -> None:
    model = registry.in_production(MODEL)
    assert model is not None
    client = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
    source = registry.client.get_model_version(MODEL, model.version).source
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET)["Contents"]]
    key = next(key for key in keys if source.removeprefix("models:/") in key and key.endswith("manifest.json"))
    before = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    client.put_object(Bucket=BUCKET, Key=key, Body=json.dumps({**json.loads(before), "seed": 1234}).encode())
    try:
        with pytest.raises(BundleError, match="is not the bundle that was registered"):
            BundleCache(tmp_path).fetch(registry, model)
    finally:
        client.put_object(Bucket=BUCKET, Key=key, Body=before)


def test_a_source_that_is_not_there_fails_the_ingest_with_its_address_and_loses_nothing(here: Learning, monkeypatch) -> None:
    from flows import ingest as module

    before = counted(here)
    monkeypatch.setenv("SOURCE_API_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(module, "land_page", module.land_page.with_options(retries=1, retry_delay_seconds=0.1))
    state = run(ingest, DATASET)
    assert state.is_failed()
    assert "the source API at http://127.0.0.1:9 did not answer" in (state.message or "")
    assert counted(here) == before


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAW_DATABASE_URL", raising=False)
    monkeypatch.delenv("METADATA_DATABASE_URL", raising=False)
    with pytest.raises(ConfigurationError, match=r"RAW_DATABASE_URL.*METADATA_DATABASE_URL"):
        settings()


# -- watching -----------------------------------------------------------------------------------


@pytest.fixture
def archive(here: Learning, registry: MlflowRegistry, first: State, tmp_path: Path) -> Callable[..., None]:
    """Has declarations judged by the model in production, as the worker does, and archived as the archive does."""
    model = registry.in_production(MODEL)
    assert model is not None
    scorer = bundle.load(BundleCache(tmp_path / "archive").fetch(registry, model), version=model.version)

    def judge(declarations: list[dict[str, Any]]) -> None:
        topic = f"declarations-{os.urandom(4).hex()}"
        messages = [Message(topic, offset, json.dumps(each).encode()) for offset, each in enumerate(declarations)]
        outcome = decide(messages, {topic: Lane(Parser(SPEC), scorer)}, TopicSettings(), datetime.now(UTC))
        sink = Archive(SecretStr(here.url(here.raw)))
        sink.open()
        sink.apply([ScoredRecord(topic, 0, offset, verdict) for offset, verdict in enumerate(outcome.verdicts)])
        sink.close()

    return judge


def traffic(count: int, *drift: Drift) -> list[dict[str, Any]]:
    """Declarations from after the source's, of the same companies."""
    return [each for each, _ in itertools.islice(Generator(DATASET, 7, drift=drift).stream(UNTIL, 0.01), count)]


def events(here: Learning) -> list[dict[str, Any]]:
    """Those that ask for a retraining, as Prefect has them."""
    EventsWorker.drain_all()
    body = {"filter": {"event": {"name": ["vigia.drift.detected"]}}}
    return httpx.post(f"{here.prefect}/events/filter", json=body).raise_for_status().json()["events"]


def test_usual_traffic_calls_for_nothing_and_shifted_traffic_asks_once_for_a_retraining(here: Learning, archive) -> None:
    few = run(watch, DATASET)
    assert "too few" in (few.message or "")
    archive(traffic(1_500))
    usual = run(watch, DATASET)
    assert usual.name == "Completed", usual.message
    assert events(here) == []
    moved = [Drift(UNTIL, subpartida, 5.0) for subpartida in ("0603110000", "1806900000", "3004902900", "0901119000", "3304990000")]
    archive(traffic(3_000, *moved))
    drifted = run(watch, DATASET)
    assert drifted.name == "Drifted"
    assert "alert rate" in (drifted.message or "")
    until(lambda: len(events(here)) == 1, lambda: f"{events(here)}")
    (event,) = events(here)
    assert event["resource"]["prefect.resource.id"] == "vigia.dataset.exportaciones"
    again = run(watch, DATASET)
    assert again.name == "Drifted"
    assert "until" in (again.message or "")
    assert len(events(here)) == 1
    reports = here.rows("SELECT drifted, triggered FROM drift_reports ORDER BY id", database="metadata")
    assert reports == [(False, False), (False, False), (True, True), (True, False)]


def test_what_the_flows_recorded_is_what_prometheus_reads(here: Learning, first: State) -> None:
    found = scraped(FlowCollector(settings(), here.prefect))
    assert found['vigia_flow_runs_total{flow="retrain",state="completed"}'] >= 1
    landed, rejected = (
        found[f'vigia_ingested_rows_total{{dataset="{DATASET}",result="{each}",source="api"}}'] for each in ("landed", "rejected")
    )
    assert landed + rejected == ROWS
    assert found[f'vigia_snapshot_rows{{dataset="{DATASET}"}}'] > 0
    assert found[f'vigia_gate_measure{{dataset="{DATASET}",measure="roc_auc"}}'] > 0.5
    assert found['vigia_flows_source_up{source="prefect"}'] == 1


def test_metrics_that_cannot_be_read_are_left_out_and_said_to_be(here: Learning, first: State) -> None:
    found = scraped(FlowCollector(settings(), "http://127.0.0.1:9/api"))
    assert found['vigia_flows_source_up{source="prefect"}'] == 0
    assert found['vigia_flows_source_up{source="raw"}'] == 1
    assert not any(name.startswith("vigia_flow_runs") for name in found)


def scraped(collector: FlowCollector) -> dict[str, float]:
    """What Prometheus would read."""
    registry = CollectorRegistry()
    registry.register(collector)
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

"""What a retraining and a promotion come to on bad days: a clear state and message, and nothing half done."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import boto3
import pytest
from prefect.client.schemas.objects import State

from adapters import bundle
from adapters.cache import BundleCache
from adapters.registry import MlflowRegistry, Registered, RegistrySettings
from adapters.serving import ServedModel
from core.errors import BundleError, ConfigurationError
from flows import promotion, tracking
from flows import retrain as retraining
from flows.metadata import Metadata
from flows.promotion import promote, rollback
from flows.retrain import retrain
from flows.settings import settings
from tests.learning import BUCKET, Flows, Learning
from tests.proxy import Proxy


@pytest.fixture(scope="module")
def here(learning: Learning, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flows]:
    with Flows(learning, "exportaciones").sourced(tmp_path_factory.mktemp("state")) as flows:
        yield flows


@pytest.fixture(scope="module")
def first(here: Flows) -> State:
    """The first model."""
    return here.first_model()


def test_of_two_retrainings_that_start_together_one_ends_and_says_why(here: Flows, first: State) -> None:
    before = len(here.versions())
    with Metadata(settings().metadata).alone(f"a retraining of {here.dataset}"):
        state = here.retrain()
    assert state.is_failed()
    assert "a retraining of exportaciones is under way already" in (state.message or "")
    assert len(here.versions()) == before


def test_a_poisoned_snapshot_is_not_learned_from(here: Flows, first: State) -> None:
    before = len(here.versions())
    poison = """
        INSERT INTO declarations (dataset, declaration_id, empresa, subpartida, puerto, fecha, source, declaration)
        SELECT dataset, declaration_id || '-poison-' || n, 'LA MISMA', subpartida, puerto, fecha, 'poison',
               (declaration::jsonb || jsonb_build_object('empresa', 'LA MISMA', 'declaration_id', declaration_id || '-poison-' || n))::json
        FROM declarations, generate_series(1, 3) AS n RETURNING 1
    """
    here.learning.rows(poison)
    try:
        state = here.retrain()
        assert state.is_failed()
        assert "LA MISMA made 75% of the declarations (at most 50%)" in (state.message or "")
        assert len(here.versions()) == before
        assert (False,) in here.learning.rows("SELECT fit FROM snapshots", database="metadata")
    finally:
        here.learning.rows("DELETE FROM declarations WHERE source = 'poison' RETURNING 1")


def test_without_declarations_the_retraining_says_what_to_do(here: Flows) -> None:
    state = here.run(retrain, "sustancias_controladas", until=here.UNTIL)
    assert state.is_failed()
    assert "there are no declarations of sustancias_controladas" in (state.message or "")
    assert "ingest some" in (state.message or "")


def test_with_mlflow_down_at_promotion_nothing_is_half_promoted_and_a_promotion_by_hand_ends_it(
    here: Flows, first: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy("127.0.0.1", here.learning.stack.port("mlflow_port")) as proxy:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{proxy.port}")

        def cut_first(_: MlflowRegistry, model: Registered, champion: Registered | None) -> None:
            proxy.cut()
            promotion.move.with_options(retries=0)(MlflowRegistry(RegistrySettings()), model, champion)

        monkeypatch.setattr(retraining, "move", cut_first)
        monkeypatch.setattr(retraining, "decide", lambda *_: retraining.Verdict(True, ("better, says this test",)))
        state = here.retrain(seed=3)
    assert state.is_failed()
    assert "the model registry at" in (state.message or "")
    assert here.production() == "1"
    newest = here.versions()[0]
    assert newest.tags["vigia.gate"] == "passed"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", here.learning.mlflow)
    assert here.run(promote, int(newest.version), here.dataset).is_completed()
    assert here.production() == newest.version
    here.run(rollback, here.dataset)


@pytest.fixture
def damaged(here: Flows, first: State, not_a_number: Path) -> Registered:
    """A registered version whose network has not-a-number for weights."""
    return tracking.register_bundle(here.registry, not_a_number)


def test_a_challenger_with_not_a_number_weights_is_refused_by_gate_promotion_and_worker(
    here: Flows, damaged: Registered, tmp_path: Path
) -> None:
    snapshot = Metadata(settings().metadata).snapshot(UUID(here.registry.client.get_model_version(here.model, "1").tags["vigia.snapshot"]))
    assert snapshot is not None
    _, verdict, judged = retraining.gate(settings(), here.spec, snapshot, tmp_path, damaged)
    assert judged is None
    assert not verdict.promote
    assert "workers would refuse it" in verdict.reasons[0]
    assert here.registry.client.get_model_version(here.model, damaged.version).tags["vigia.gate"] == "failed"
    state = here.run(promote, int(damaged.version), here.dataset)
    assert state.is_failed()
    assert "does not give the errors that it was trained to give" in (state.message or "")
    assert here.production() == "1"
    cache = BundleCache(tmp_path / "worker")
    worker = ServedModel(here.spec, here.registry, cache, lambda path, version: bundle.load(path, version=version))
    assert worker.refresh()
    here.registry.promote(damaged)  # as somebody might on MLflow's own page
    assert not worker.refresh()
    assert worker.serving == Registered(here.model, "1")
    assert "was refused" in (worker.problem or "")
    here.registry.restore(Registered(here.model, "1"))
    assert not worker.refresh()
    assert worker.problem is None


def test_a_promotion_that_was_decided_beside_another_version_is_not_made(here: Flows, first: State) -> None:
    newest = Registered(here.model, here.versions()[0].version)
    with pytest.raises(ConfigurationError, match=r"version 1 of .* went into production meanwhile, and version 7 was looked at"):
        promotion.move(here.registry, newest, Registered(here.model, "7"))
    assert here.production() == "1"


def test_beside_a_champion_of_an_older_release_that_says_nothing_of_its_parity_models_are_judged(
    here: Flows, first: State, trained: Path, tmp_path: Path
) -> None:
    older = tmp_path / "older"
    shutil.copytree(trained, older)
    manifest = json.loads((older / "manifest.json").read_bytes())
    del manifest["metrics"]["parity"]
    (older / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    here.registry.promote(tracking.register_bundle(here.registry, older))
    try:
        assert here.retrain(seed=4).is_completed()
        ((measures,),) = here.learning.rows("SELECT measures FROM gates ORDER BY judged_at DESC LIMIT 1", database="metadata")
        assert measures["champion"]["parity"] is None
    finally:
        here.registry.restore(Registered(here.model, "1"))


def test_a_bundle_that_was_swapped_on_s3_is_refused(here: Flows, first: State, tmp_path: Path) -> None:
    model = here.registry.in_production(here.model)
    assert model is not None
    client = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
    source = here.registry.client.get_model_version(here.model, model.version).source
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET)["Contents"]]
    key = next(key for key in keys if source.removeprefix("models:/") in key and key.endswith("manifest.json"))
    before = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    client.put_object(Bucket=BUCKET, Key=key, Body=json.dumps({**json.loads(before), "seed": 1234}).encode())
    try:
        with pytest.raises(BundleError, match="is not the bundle that was registered"):
            BundleCache(tmp_path).fetch(here.registry, model)
    finally:
        client.put_object(Bucket=BUCKET, Key=key, Body=before)

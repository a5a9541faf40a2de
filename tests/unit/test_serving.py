"""What a process serves with: the registry's version, if it is sound; otherwise what it has."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters import bundle
from adapters.cache import BundleCache
from adapters.registry import Registered, digest_of
from adapters.serving import ServedModel
from core.errors import Unavailable
from tests.declarations import SPEC


class Shelf:
    """A registry of bundles in directories. `down` makes it answer nothing."""

    def __init__(self, bundles: dict[str, Path]) -> None:
        self.bundles = bundles
        self.production: str | None = None
        self.digests: dict[str, str] = {}
        self.down = False
        self.fetched: list[str] = []

    def in_production(self, name: str) -> Registered | None:
        self._answer()
        return Registered(name, self.production, self.digests.get(self.production, "")) if self.production else None

    def fetch(self, model: Registered, into: Path) -> None:
        self._answer()
        self.fetched.append(model.version)
        shutil.copytree(self.bundles[model.version], into, dirs_exist_ok=True)

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("registry", "the registry is down")


def load(path: Path, version: str):
    return bundle.load(path, version=version)


@pytest.fixture
def shelf(trained: Path, not_a_number: Path) -> Shelf:
    return Shelf({"1": trained, "2": trained, "3": not_a_number})


@pytest.fixture
def serve(shelf: Shelf, tmp_path: Path) -> Callable[[], ServedModel]:
    """Another process on the same disk, each time."""
    return lambda: ServedModel(SPEC, shelf, BundleCache(tmp_path / "cache"), load)


def version(model: ServedModel) -> str | None:
    return model.serving.version if model.serving else None


def test_without_a_version_in_production_nothing_serves_and_the_problem_says_what_to_do(serve) -> None:
    model = serve()
    assert not model.refresh()
    assert model.serving is None
    assert "train and promote one" in (model.problem or "")


def test_it_follows_the_alias_there_and_back(shelf, serve) -> None:
    model = serve()
    for wanted in ("1", "2", "1"):
        shelf.production = wanted
        assert model.refresh()
        assert version(model) == wanted
        assert not model.refresh(), "nothing changed"
    assert shelf.fetched == ["1", "2"], "a version that was fetched is not fetched again"


def test_a_network_of_not_a_numbers_is_refused_and_the_old_version_stays(shelf, serve) -> None:
    model = serve()
    shelf.production = "1"
    model.refresh()
    shelf.production = "3"
    assert not model.refresh()
    assert version(model) == "1"
    assert "version 3 was refused" in (model.problem or "")
    assert not model.refresh()
    assert shelf.fetched.count("3") == 1, "a refused version is not fetched again and again"
    shelf.production = "2"
    assert model.refresh()
    assert model.problem is None


def test_a_bundle_that_is_not_the_one_that_was_registered_is_refused(shelf, serve, trained) -> None:
    model = serve()
    shelf.production = "1"
    shelf.digests["1"] = digest_of(trained)
    assert model.refresh()
    shelf.production, shelf.digests["2"] = "2", "0" * 64
    assert not model.refresh()
    assert "its SHA-256 differs" in (model.problem or "")
    assert version(model) == "1"


def test_a_version_of_another_registry_in_the_cache_is_fetched_anew(shelf, serve, trained, tmp_path) -> None:
    there = tmp_path / "cache" / SPEC.model / "1"
    shutil.copytree(trained, there)
    (there / "manifest.json").write_text("{}", "utf-8")
    shelf.production, shelf.digests["1"] = "1", digest_of(trained)
    model = serve()
    assert model.refresh()
    assert shelf.fetched == ["1"]


def test_what_is_no_bundle_at_all_is_refused(shelf, serve, tmp_path) -> None:
    (tmp_path / "nothing").mkdir()
    shelf.bundles["4"], shelf.production = tmp_path / "nothing", "4"
    model = serve()
    assert not model.refresh()
    assert "is no bundle" in (model.problem or "")


def test_with_the_registry_down_the_last_good_version_serves_also_after_a_restart(shelf, serve) -> None:
    first = serve()
    shelf.production = "2"
    first.refresh()
    shelf.down = True
    assert not first.refresh()
    assert version(first) == "2"
    again = serve()
    again.restore()
    assert version(again) == "2"
    assert "the registry is down" in ((not again.refresh() and again.problem) or "")


def test_a_copy_on_the_disk_that_was_damaged_is_fetched_anew(shelf, serve, tmp_path) -> None:
    first = serve()
    shelf.production = "1"
    first.refresh()
    (tmp_path / "cache" / SPEC.model / "1" / "network.onnx").write_bytes(b"damaged")
    again = serve()
    again.restore()
    assert again.serving is None
    assert again.refresh()
    assert version(again) == "1"


def test_the_model_of_another_dataset_is_refused(shelf, tmp_path) -> None:
    from schemas import datasets

    shelf.production = "1"
    model = ServedModel(datasets.load("sustancias_controladas"), shelf, BundleCache(tmp_path / "cache"), load)
    assert not model.refresh()
    assert "is a model of exportaciones" in (model.problem or "")

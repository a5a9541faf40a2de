"""A bundle is used as it was made, or refused with a sentence that says why."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from adapters.bundle import load, manifest
from core.errors import BundleError, ConfigurationError


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "bundle"))


def rewrite(bundle: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes the manifest and signs every file anew, as one who forges a bundle would."""
    about = json.loads((bundle / "manifest.json").read_text("utf-8"))
    for name in about["files"]:
        about["files"][name] = hashlib.sha256((bundle / name).read_bytes()).hexdigest()
    change(about)
    (bundle / "manifest.json").write_text(json.dumps(about), "utf-8")


def test_the_version_is_the_registrys_or_follows_from_the_manifest(trained: Path, copy: Path) -> None:
    assert load(trained, version="42").model == ("autoencoder-exportaciones", "42")
    assert load(trained).model == load(copy).model
    rewrite(copy, lambda about: about.update(seed=99))
    assert load(copy).model != load(trained).model


def test_the_manifest_says_where_the_model_comes_from(trained: Path) -> None:
    about = manifest(trained)
    assert about["network"]["opset"] >= 18
    assert about["network"]["producer"]
    assert about["seed"] == 3
    assert about["data"]["rows"] == 6000
    assert set(about["files"]) == {path.name for path in trained.iterdir()} - {"manifest.json", "pictures"}


@pytest.mark.parametrize("name", ["network.onnx", "encoder.npz", "encoder.json", "calibration.npz", "golden.json"])
def test_a_changed_or_missing_file_is_refused(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} is not the file that the manifest names"):
        load(copy)
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        load(copy)


def test_another_feature_version_or_format_is_refused(copy: Path) -> None:
    rewrite(copy, lambda about: about.update(feature_version=999))
    with pytest.raises(BundleError, match=r"feature version 999.*train it again"):
        load(copy)
    rewrite(copy, lambda about: about.update(format=0))
    with pytest.raises(BundleError, match="format"):
        load(copy)


def test_what_is_no_bundle_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no model bundle"):
        load(tmp_path)
    (tmp_path / "manifest.json").write_text("{", "utf-8")
    with pytest.raises(BundleError, match="damaged"):
        load(tmp_path)
    assert issubclass(BundleError, ConfigurationError)


@pytest.mark.parametrize("value", [np.nan, 10.0])
def test_a_network_with_other_weights_is_refused(copy: Path, value: float) -> None:
    """Even when its digest is right: the golden vectors tell."""
    model = onnx.load(copy / "network.onnx")
    weights = max(model.graph.initializer, key=lambda each: len(each.raw_data))
    weights.CopyFrom(numpy_helper.from_array(np.full_like(numpy_helper.to_array(weights), value), weights.name))
    onnx.save(model, copy / "network.onnx")
    rewrite(copy, lambda about: None)
    with pytest.raises(BundleError, match="does not give the errors"):
        load(copy)


def test_encoder_values_that_are_not_finite_are_refused(copy: Path) -> None:
    with np.load(copy / "encoder.npz") as archive:
        arrays = dict(archive)
    arrays["scale"] = np.full_like(arrays["scale"], np.nan)
    np.savez(copy / "encoder.npz", **arrays)
    rewrite(copy, lambda about: None)
    with pytest.raises(BundleError, match="not finite, in scale"):
        load(copy)


def test_nothing_in_a_bundle_is_unpickled(copy: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (pytest.fail, ("it was unpickled",))

    np.savez(copy / "encoder.npz", trap=np.array([Trap()], dtype=object))
    rewrite(copy, lambda about: None)
    with pytest.raises(BundleError, match="cannot be read"):
        load(copy)

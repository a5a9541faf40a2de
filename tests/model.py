"""One small model, trained once for all the tests that need one."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests import declarations


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a model of `tests.declarations`, trained for a few seconds."""
    import torch

    from training.learn import Recipe
    from training.train import train

    torch.set_num_threads(1)  # threads that wait for each other on a busy machine cost minutes
    folder = tmp_path_factory.mktemp("model")
    table = declarations.write_csv(folder / "rows.csv", declarations.rows(6000))
    train(declarations.SPEC, table, folder / "bundle", seed=3, recipe=Recipe(epochs=12, width=64))
    return folder / "bundle"


@pytest.fixture
def not_a_number(trained: Path, tmp_path: Path) -> Path:
    """A bundle whose network has not-a-number for weights, and whose manifest says so: only its golden vectors tell."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    folder = tmp_path / "bundle"
    shutil.copytree(trained, folder)
    network = onnx.load(folder / "network.onnx")
    for weight in network.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.ndim == 2:
            weight.CopyFrom(numpy_helper.from_array(np.full_like(values, np.nan), weight.name))
    content = network.SerializeToString()
    (folder / "network.onnx").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["network.onnx"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return folder

"""One small model, trained once for all the tests that need one."""

from __future__ import annotations

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

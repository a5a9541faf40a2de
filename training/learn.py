"""The training loop: fresh corruptions and masks every epoch, early stopping on a later slice of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.columns import Columns
from core.features import Encoder, Inputs
from core.statistics import Statistics
from training.autoencoder import Autoencoder, Shape, loss, parameters
from training.corruption import masks, replace_one

Progress = Callable[[str, int, int], None]
"""Called with the stage, how much of it is done, and of how much."""


@dataclass(frozen=True)
class Recipe:
    """How the network is trained."""

    epochs: int = 28
    patience: int = 8
    """Epochs without a better loss on the later slice after which training stops."""
    batch: int = 256
    """Smaller for small tables, so that an epoch has at least `steps` steps."""
    steps: int = 64
    rate: float = 3e-3
    width: int = 128
    bottleneck: int = 8
    folds: int = 5
    seed: int = 0


@dataclass
class Curves:
    """Loss by epoch, on the training rows and on the later slice."""

    training: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)


class Folds:
    """Rows divided at random; each fold is seen through statistics that were counted on the others."""

    def __init__(self, encoder: Encoder, columns: Columns, count: int, random: np.random.Generator) -> None:
        self.of = random.permutation(np.arange(len(columns)) % count)
        self.statistics: list[Statistics] = [encoder.count(columns.take(self.of != fold)) for fold in range(count)]

    def inputs(self, encoder: Encoder, columns: Columns) -> Inputs:
        """Out-of-fold inputs of these rows, or of copies of them with replaced fields."""
        n = len(columns)
        found = Inputs(
            np.empty((n, len(encoder.numbers)), dtype=np.float32),
            np.empty((n, len(encoder.token_fields)), dtype=np.int64),
            np.empty((n, len(encoder.fields)), dtype=np.float32),
        )
        for fold, statistics in enumerate(self.statistics):
            rows = np.flatnonzero(self.of == fold)
            part = encoder.inputs(columns.take(rows), statistics)
            found.numbers[rows], found.tokens[rows], found.mask[rows] = part
        return found


def learn(encoder: Encoder, earlier: Columns, later: Columns, recipe: Recipe, progress: Progress) -> tuple[Encoder, Autoencoder, Curves]:
    """Trains on the earlier rows. Returns the encoder with its scale, the best network and the curves."""
    torch.manual_seed(recipe.seed)
    random = np.random.default_rng(recipe.seed)
    folds = Folds(encoder, earlier, recipe.folds, random)
    known = folds.inputs(encoder, earlier)
    encoder = encoder.with_scale(known.numbers, known.mask)
    clean = folds.inputs(encoder, earlier)
    judged = _later_batch(encoder, later, np.random.default_rng(recipe.seed + 1))
    network = Autoencoder(Shape(encoder.needs, encoder.token_fields, encoder.token_sizes, recipe.width, recipe.bottleneck))
    size = max(32, min(recipe.batch, 2 * len(earlier) // recipe.steps))
    steps = recipe.epochs * (2 * len(earlier) // size + 1)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=recipe.rate, total_steps=steps, pct_start=0.15)
    curves, best, best_at = Curves(), parameters(network), -1
    for epoch in range(recipe.epochs):
        replaced, which = replace_one(earlier, encoder.vocabulary, folds.of, random)
        other = folds.inputs(encoder, replaced)
        batches = _batches(clean, other, which, size, random)
        network.train()
        losses = []
        for batch in batches:
            optimiser.zero_grad()
            total, told = loss(network, batch)
            total.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimiser.step()
            schedule.step()
            losses.append(float(told.detach()))
        network.eval()
        with torch.no_grad():
            now = float(loss(network, judged)[1])
        curves.training.append(float(np.mean(losses)))
        curves.later.append(now)
        if best_at < 0 or now < curves.later[best_at]:
            best, best_at = parameters(network), epoch
        progress("train", epoch + 1, recipe.epochs)
        if epoch - best_at >= recipe.patience:
            break
    network.load_state_dict(best)
    network.eval()
    levels = [d for d, number in enumerate(encoder.numbers) if number.level]
    network.set_bounds(torch.from_numpy(clean.numbers), torch.from_numpy(clean.mask), levels)
    return encoder, network, curves


def _later_batch(encoder: Encoder, later: Columns, random: np.random.Generator) -> dict[str, Tensor]:
    """The later slice and copies of it with a field replaced, as the finished model would see them."""
    replaced, which = replace_one(later, encoder.vocabulary, np.zeros(len(later), dtype=np.int64), random)
    return _batches(encoder.inputs(later), encoder.inputs(replaced), which, 2 * len(later), random)[0]


def _batches(clean: Inputs, other: Inputs, which: NDArray[np.int64], size: int, random: np.random.Generator) -> list[dict[str, Tensor]]:
    """Real rows and their copies with a replaced field, shuffled, under random masks."""
    n = len(which)
    order = random.permutation(2 * n)
    row, copy = order % n, order >= n
    named = np.flatnonzero(copy & (which[row] >= 0))
    picked = copy[:, None]
    mask = np.where(picked, other.mask[row], clean.mask[row])
    hidden = masks(mask > 0, random)
    label = np.zeros(len(mask), dtype=np.int64)
    label[named] = np.where(hidden[named, which[row[named]]] > 0, which[row[named]] + 1, 0)
    arrays: dict[str, NDArray[Any]] = {
        "numbers": np.where(picked, other.numbers[row], clean.numbers[row]),
        "tokens": np.where(picked, other.tokens[row], clean.tokens[row]),
        "mask": hidden,
        "replaced": label,
        "clean": clean.numbers[row],
    }
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return [{name: tensor[at : at + size] for name, tensor in tensors.items()} for at in range(0, 2 * n, size)]

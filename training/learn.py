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
from training.corruption import masks, replace_one, unsee

Progress = Callable[[str, int, int], None]
"""Called with the stage, how much of it is done, and of how much."""


CHUNK = 32_768
"""How many declarations are encoded at once, with as many copies: what an epoch needs does not grow with the table."""
_SAMPLE = 100_000
"""How many declarations scale the inputs and bound the amounts."""
_JUDGED = 20_000
"""How many later declarations decide when to stop."""


@dataclass(frozen=True)
class Recipe:
    """How the network is trained."""

    epochs: int = 28
    visits: int = 5_000_000
    """How many declarations are looked at in all, at most: large tables get fewer epochs, but `least_epochs` at least."""
    least_epochs: int = 4
    patience: int = 8
    """Epochs without a better loss on the later slice after which training stops."""
    batch: int = 256
    """Smaller for small tables, so that an epoch has at least `steps` steps."""
    steps: int = 64
    rate: float = 3e-3
    width: int = 64
    bottleneck: int = 8
    folds: int = 5
    untouched: tuple[str, ...] = ()
    """Fields that are never replaced, to see what a model makes of oddities it never learned about."""
    seed: int = 0

    def epochs_for(self, rows: int) -> int:
        """How often this many rows are gone through."""
        return min(self.epochs, max(self.least_epochs, self.visits // rows))


@dataclass
class Curves:
    """Loss by epoch, on the training rows and on the later slice."""

    training: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)


class Folds:
    """Rows divided into stretches of time, as they lie in the table; each is seen through statistics counted on the others.

    So prices of a month, and companies of a month, are as new while training as those of next month will be.
    """

    def __init__(self, encoder: Encoder, columns: Columns, count: int) -> None:
        self.of = np.arange(len(columns)) * count // len(columns)
        self.statistics: list[Statistics] = [encoder.count(columns.take(self.of != fold)) for fold in range(count)]

    def inputs(self, encoder: Encoder, columns: Columns, rows: NDArray[Any]) -> Inputs:
        """Out-of-fold inputs of the table's declarations at `rows`, or of copies of them with replaced fields."""
        n, of = len(rows), self.of[rows]
        found = Inputs(
            np.empty((n, len(encoder.numbers)), dtype=np.float32),
            np.empty((n, len(encoder.token_fields)), dtype=np.int64),
            np.empty((n, len(encoder.fields)), dtype=np.float32),
        )
        for fold, statistics in enumerate(self.statistics):
            at = np.flatnonzero(of == fold)
            part = encoder.inputs(columns.take(at), statistics)
            found.numbers[at], found.tokens[at], found.mask[at] = part
        return found

    def unseen(self, encoder: Encoder, columns: Columns, rows: NDArray[Any], random: np.random.Generator) -> Columns:
        """The declarations at `rows`, or copies of them, in which some values are new to everyone (`corruption.unsee`)."""
        unused = np.zeros_like(columns.present)
        for fold, statistics in enumerate(self.statistics):
            at = np.flatnonzero(self.of[rows] == fold)
            unused[at] = encoder.unused(columns.take(at), statistics)
        return unsee(columns, encoder.vocabulary, unused, random)


def learn(encoder: Encoder, earlier: Columns, later: Columns, recipe: Recipe, progress: Progress) -> tuple[Encoder, Autoencoder, Curves]:
    """Trains on the earlier rows, given in the order of time, on a GPU where there is one. Returns the encoder with its
    scale, the best network, on the CPU, and the curves."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the layers are small: what a second core adds is less than what the two lose waiting
    try:
        return _learn(encoder, earlier, later, recipe, progress)
    finally:
        torch.set_num_threads(threads)


def _learn(encoder: Encoder, earlier: Columns, later: Columns, recipe: Recipe, progress: Progress) -> tuple[Encoder, Autoencoder, Curves]:
    torch.manual_seed(recipe.seed)
    random = np.random.default_rng(recipe.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    folds = Folds(encoder, earlier, recipe.folds)
    sample = random.permutation(len(earlier))[:_SAMPLE]
    unscaled = folds.inputs(encoder, folds.unseen(encoder, earlier.take(sample), sample, random), sample)
    encoder = encoder.with_scale(unscaled.numbers, unscaled.mask)
    del unscaled
    judged = _later_batch(encoder, later, recipe, device)
    network = Autoencoder(Shape(encoder.needs, encoder.token_fields, encoder.token_sizes, recipe.width, recipe.bottleneck)).to(device)
    size = max(32, min(recipe.batch, 2 * len(earlier) // recipe.steps))
    epochs = recipe.epochs_for(len(earlier))
    steps = sum(2 * len(rows) // size + 1 for rows in _chunks(len(earlier), random))
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=recipe.rate, total_steps=epochs * steps, pct_start=0.15)
    curves, best, best_at = Curves(), parameters(network), -1
    for epoch in range(epochs):
        network.train()
        losses = []
        for rows in _chunks(len(earlier), random):
            some = earlier.take(rows)
            replaced, which = replace_one(some, encoder.vocabulary, folds.of[rows], random, recipe.untouched)
            clean, other = (folds.inputs(encoder, folds.unseen(encoder, each, rows, random), rows) for each in (some, replaced))
            for batch in _batches(clean, other, which, size, random, device):
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
        progress("train", epoch + 1, epochs)
        if epoch - best_at >= recipe.patience:
            break
    network.load_state_dict(best)
    network.eval().cpu()
    levels = [d for d, number in enumerate(encoder.numbers) if number.level]
    clean = folds.inputs(encoder, earlier.take(sample), sample)
    network.set_bounds(torch.from_numpy(clean.numbers), torch.from_numpy(clean.mask), levels)
    return encoder, network, curves


def _chunks(rows: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
    """All rows, shuffled, in pieces of nearly equal size."""
    return np.array_split(random.permutation(rows), -(-rows // CHUNK))


def _later_batch(encoder: Encoder, later: Columns, recipe: Recipe, device: torch.device) -> dict[str, Tensor]:
    """Later rows and copies of them with a field replaced, as the finished model would see them."""
    random = np.random.default_rng(recipe.seed + 1)
    later = later.take(random.permutation(len(later))[:_JUDGED])
    replaced, which = replace_one(later, encoder.vocabulary, np.zeros(len(later), dtype=np.int64), random, recipe.untouched)
    return _batches(encoder.inputs(later), encoder.inputs(replaced), which, 2 * len(later), random, device)[0]


def _batches(
    clean: Inputs, other: Inputs, which: NDArray[np.int64], size: int, random: np.random.Generator, device: torch.device
) -> list[dict[str, Tensor]]:
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
    tensors = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
    return [{name: tensor[at : at + size] for name, tensor in tensors.items()} for at in range(0, 2 * n, size)]

"""From a table of declarations to a verified model bundle, top to bottom."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from adapters import bundle, tables
from adapters.session import OnnxNetwork
from core.calibration import pattern
from core.columns import Columns
from core.errors import TrainingError
from core.features import Encoder, Inputs
from core.scoring import DEFAULT_BUDGET, Scorer, errors, fit_tail, threshold
from schemas.datasets import DatasetSpec
from schemas.declaration import Declaration, Rejected
from training.alterations import bare
from training.autoencoder import Autoencoder
from training.dataset import Collector, Table
from training.export import OPSET, to_onnx
from training.learn import Curves, Progress, Recipe, learn
from training.pictures import draw

MIN_ROWS = 500
"""Fewer declarations make neither habits nor a calibration."""
LATER = 0.15
"""The share of the table, by time, that decides when to stop and calibrates the scores."""
_REFERENCE = 10_000
_COMMON_SETS = 64
_GOLDEN = 24
_NOBODY = "NOBODY KNOWS THIS COMPANY"


@dataclass(frozen=True)
class Report:
    """What a training run did."""

    rows: int
    rejected: Counter[tuple[str, str]]
    """Rejected rows by code and field."""
    seconds: float
    epochs: int
    held_out_loss: float
    """Replaced-field cross-entropy on the later slice."""
    held_out_error: float
    """Median error of the later slice."""
    threshold: float
    """On the score scale."""
    threshold_error: float
    """The error that a declaration with the most usual fields needs for an alert."""
    parity: float
    """How far the exported network is from the trained one at most, relative to the size of the errors."""
    curves: Curves
    scorer: Scorer


def train(
    spec: DatasetSpec,
    path: Path,
    out: Path,
    mapping: Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    recipe: Recipe | None = None,
) -> Report:
    """Trains on a CSV, JSONL or Parquet file and writes a bundle into `out`; the same input and seed give the same model.

    Raises TrainingError when the table cannot make a model, and `adapters.tables.TableError` when it cannot be read.
    """
    started = time.monotonic()
    report = progress or (lambda stage, done, of: None)
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not (out / bundle.MANIFEST).exists():
        raise TrainingError(f"{out} is there and is no model bundle: name a new or empty directory with --out")
    collector, keep = Collector(spec), _Keep()
    for piece in tables.read(path, mapping, spec):
        collector.add(piece)
        keep.add(piece)
        report("read", collector.rows, 0)
    table = collector.table()
    _check(table, collector)
    report("train", 0, 0)
    earlier, later = table.split(LATER, seed)
    first = Encoder.fit(spec, table.vocabulary, table.columns.take(earlier))
    settings = replace(recipe or Recipe(), seed=seed)
    encoder, network, curves = learn(first, table.columns.take(earlier), table.columns.take(later), settings, report)
    report("calibrate", 0, 1)
    exported = to_onnx(network)
    # Calibrated as it will be used: on what came after everything that was counted. The bundle then counts all rows,
    # so that tomorrow is as far from its statistics as the later slice was from these.
    reference = _reference(encoder, table.columns.take(later), seed)
    session = OnnxNetwork(exported)
    finished = encoder.with_arrays(encoder.count(table.columns).arrays)
    usual = _usual_sets(encoder, reference, finished.encode(keep.declarations))
    tails = {pattern(present): fit_tail(present, reference, session) for present in usual}
    held_out = errors(session, reference)
    off = parity(network, session, reference)
    scorer = bundle.write(
        out,
        encoder=finished,
        network=exported,
        tails=tails,
        reference=reference,
        golden=keep.declarations,
        about={
            "seed": seed,
            "data": {"rows": collector.rows, "sha256": _digest(path), "first": _day(table, 0), "last": _day(table, -1)},
            "metrics": {
                "held_out_loss": min(curves.later),
                "held_out_error": float(np.median(held_out)),
                "epochs": len(curves.later),
                "parity": off,
            },
            "network": {"opset": OPSET, "producer": f"torch {torch.__version__}", "onnx": onnx.__version__},
        },
    )
    report("calibrate", 1, 1)
    threshold_error = float(np.quantile(held_out, 1 - DEFAULT_BUDGET))
    draw(out / "pictures", curves, held_out, threshold_error)
    return Report(
        rows=collector.rows,
        rejected=collector.rejected,
        seconds=time.monotonic() - started,
        epochs=len(curves.later),
        held_out_loss=min(curves.later),
        held_out_error=float(np.median(held_out)),
        threshold=threshold(DEFAULT_BUDGET),
        threshold_error=threshold_error,
        parity=off,
        curves=curves,
        scorer=scorer,
    )


def parity(network: Autoencoder, session: OnnxNetwork, inputs: Inputs) -> float:
    """The largest difference between the energies of the trained and of the exported network, relative to their size."""
    with torch.no_grad():
        trained = network(*map(torch.from_numpy, inputs))[0].numpy()
    return float(np.max(np.abs(session.energies(inputs) - trained) / (1.0 + np.abs(trained)), initial=0.0))


class _Keep:
    """A few declarations of the table, for the golden vectors: the first ones, the same with the required fields only, and
    the same from a company that nobody knows."""

    def __init__(self) -> None:
        self.declarations: list[Declaration] = []

    def add(self, piece: Sequence[Declaration | Rejected]) -> None:
        for row in piece:
            if len(self.declarations) >= _GOLDEN:
                return
            if isinstance(row, Declaration):
                self.declarations += [row, bare(row), msgspec.structs.replace(row, empresa=_NOBODY)]


def _check(table: Table, collector: Collector) -> None:
    rejected = sum(collector.rejected.values())
    if len(table.columns) < MIN_ROWS:
        reasons = "; ".join(f"{count:,} × {code} in {field or 'the row'}" for (code, field), count in collector.rejected.most_common(3))
        raise TrainingError(
            f"{len(table.columns):,} usable declarations are too few to learn from: at least {MIN_ROWS} are needed"
            + (f" ({rejected:,} rows were rejected: {reasons})" if rejected else "")
        )
    varied = [i for i in collector.layout.coded if len(table.vocabulary.values[i]) > 1]
    if len(varied) < 2:
        raise TrainingError("fewer than two fields of this table have more than one value, so nothing in it goes with anything else")


def _reference(encoder: Encoder, later: Columns, seed: int) -> Inputs:
    """Encoded later declarations, at most `_REFERENCE` of them."""
    n = len(later)
    rows = np.sort(np.random.default_rng(seed).permutation(n)[:_REFERENCE])
    return encoder.inputs(later.take(rows))


def _usual_sets(encoder: Encoder, reference: Inputs, golden: Inputs) -> list[NDArray[np.bool_]]:
    """The sets of present fields that are calibrated in advance: the frequent ones, those of the golden vectors, and the
    required fields alone."""
    sets, counts = np.unique(reference.mask > 0, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_COMMON_SETS]
    required = np.array([field.required for field in encoder.layout.fields])
    found = [*sets[order], *(golden.mask > 0), required, np.ones_like(required), np.zeros_like(required)]
    return list({pattern(each): each for each in found}.values())


def _day(table: Table, at: int) -> str | None:
    days = np.sort(table.dates[table.dates != ""])
    return str(days[at]) if days.size else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

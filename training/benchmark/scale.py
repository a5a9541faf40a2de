"""How fast a table is learned from, and in how much memory: `vigia train` as a user runs it, in a process of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trained:
    """A training run: how many rows, how long it took from start to end, and the most memory that it held."""

    rows: int
    seconds: float
    peak_bytes: int
    epochs: int

    @property
    def rows_per_second(self) -> float:
        """Rows of the table by second of the whole run."""
        return self.rows / self.seconds


def train(dataset: str, table: Path, rows: int, out: Path) -> Trained:
    """Raises subprocess.CalledProcessError when training fails, after its own words."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "cli", "train", "--dataset", dataset, "--data", str(table), "--out", str(out)], check=True)
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    if peak <= before:
        raise RuntimeError("another child of this process held more memory: measure training in a process of its own")
    unit = 1 if sys.platform == "darwin" else 1024
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    return Trained(rows, seconds, peak * unit, int(manifest["metrics"]["epochs"]))

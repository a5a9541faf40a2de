"""What the comparison measured, as plain data: pages are rendered from it without measuring again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import msgspec

from training.measures import Detection

VIGIA = "Vigía"
NOTHING, CORRUPTIONS, ALTERATIONS = "nothing", "corruptions", "the alterations"
"""What a detector is told to look for."""


@dataclass(frozen=True)
class Detector:
    """A detector and what it was given."""

    name: str
    reads: str
    told: str = NOTHING

    @property
    def title(self) -> str:
        """Name and view, as a sentence names it."""
        return self.name if self.name == VIGIA else f"{self.name} on {self.reads}"


@dataclass(frozen=True)
class Found:
    """How well one detector found each kind of alteration."""

    detector: Detector
    kinds: dict[str, Detection]


@dataclass(frozen=True)
class Run:
    """All detectors on one case with one seed."""

    case: str
    seed: int
    earlier: int
    later: int
    altered: dict[str, int]
    """How many declarations were altered in each set."""
    found: list[Found]
    untouched: dict[str, Detection]
    """By kind: our model whose training never replaced the field that this kind alters; empty where not studied."""


@dataclass(frozen=True)
class Results:
    """Every run of a benchmark, and the releases of the libraries that took part."""

    versions: dict[str, str]
    quick: bool
    """Whether this was a trial on parts of the data."""
    runs: list[Run]

    def of(self, case: str) -> list[Run]:
        """The runs of one case, one for each seed."""
        return [run for run in self.runs if run.case == case]

    def save(self, path: Path) -> None:
        """Writes them as JSON."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")

    @classmethod
    def read(cls, path: Path) -> Results:
        """The inverse of `save`; raises msgspec.MsgspecError when the file holds something else."""
        return msgspec.json.decode(path.read_bytes(), type=cls)


class Spread(NamedTuple):
    """The mean over seeds, the least and the most."""

    mean: float
    least: float
    most: float


def spread(values: Iterable[float]) -> Spread:
    """Of one number a seed."""
    found = list(values)
    return Spread(fmean(found), min(found), max(found))


Measure = Callable[[Detection], float]


def of_detector(runs: Iterable[Run], detector: Detector, kind: str, measure: Measure) -> Spread | None:
    """One measure of one detector over the seeds; None when the case has no such kind."""
    found = [each.kinds[kind] for run in runs for each in run.found if each.detector == detector and kind in each.kinds]
    return spread(map(measure, found)) if found else None

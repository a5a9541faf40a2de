"""Which model a process serves with: follows the registry's alias, verifies what it gives out, and falls back on the disk."""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from adapters.cache import BundleCache
from adapters.registry import ModelRegistry, Registered
from core.errors import BundleError, Unavailable
from core.scoring import Scorer
from schemas.datasets import DatasetSpec

log = logging.getLogger(__name__)

Load = Callable[[Path, str], Scorer]
"""Reads, verifies and warms up the bundle in a directory, as this version; raises BundleError."""


class ServedModel:
    """The model of one dataset. `refresh` blocks, and belongs off the event loop; `scorer` may be read at any time."""

    def __init__(self, spec: DatasetSpec, registry: ModelRegistry, cache: BundleCache, load: Load) -> None:
        self.spec = spec
        self.scorer: Scorer | None = None
        self.promoted: datetime | None = None
        self.problem: str | None = f"no version of {spec.model} was looked for yet"
        self._registry = registry
        self._cache = cache
        self._load = load
        self._refused: Registered | None = None

    @property
    def serving(self) -> Registered | None:
        """The version that scores now."""
        return Registered(self.scorer.model.name, self.scorer.model.version) if self.scorer else None

    def restore(self) -> None:
        """Serves the last good version from this machine's disk, so that a start needs no registry."""
        if known := self._cache.last_good(self.spec.model):
            self._serve(known)
            self._refused = None  # the copy on the disk was bad, which says nothing about the registry's

    def refresh(self) -> bool:
        """Serves what the registry says is in production; True when that changed the scorer.

        Whatever goes wrong, the version that is serving goes on, and `problem` says what it was.
        """
        try:
            wanted = self._registry.in_production(self.spec.model)
            if wanted is None:
                self.problem = f"the registry has no version of {self.spec.model} in production: train and promote one"
                return False
            if wanted == self._refused:
                return False
            changed = wanted != self.serving and self._serve(wanted)
            if wanted == self.serving:
                self.problem, self.promoted = None, wanted.promoted
        except Unavailable as error:
            self.problem = str(error)
            return False
        return changed

    def _serve(self, model: Registered) -> bool:
        try:
            scorer = self._load(self._cache.fetch(self._registry, model), model.version)
            if scorer.spec.name != self.spec.name:
                raise BundleError(f"the bundle is a model of {scorer.spec.name}, not of {self.spec.name}")
        except BundleError as error:
            self._refused = model
            self._cache.discard(model)
            self.problem = f"{model.name} version {model.version} was refused: {error}"
            log.error(self.problem)
            return False
        self.scorer, self.problem, self._refused = scorer, None, None
        self._cache.keep(model)
        log.info("serving %s version %s", model.name, model.version)
        return True

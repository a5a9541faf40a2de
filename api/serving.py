"""The models that the API serves with: what is in production, followed live, and earlier versions for alerts of theirs."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from adapters import bundle, metrics
from adapters.cache import BundleCache
from adapters.registry import MlflowRegistry
from adapters.serving import ServedModel
from api.batching import Batcher
from core.errors import Unavailable
from core.scoring import Scorer
from schemas import datasets
from schemas.declaration import Parser

log = logging.getLogger(__name__)

EARLIER = 4
"""How many versions that no longer serve are kept loaded."""


def _settle() -> None:
    """Has the garbage collector look no more at what is there now: its rounds over everything that was imported stop all requests
    for a fifth of a second, several times a second under load."""
    gc.collect()
    gc.freeze()


class Lane:
    """How one dataset's declarations are read and scored."""

    def __init__(self, model: ServedModel) -> None:
        self.model, self.spec = model, model.spec
        self.parser = Parser(model.spec)
        self.batcher = Batcher(self.scorer)

    def scorer(self) -> Scorer:
        """The model in use; raises Unavailable when there is none yet."""
        if self.model.scorer is None:
            raise Unavailable("no_model", self.model.problem or f"no version of {self.spec.model} serves")
        return self.model.scorer


class Models:
    """The lanes by dataset. Only the threads of this class touch the registry."""

    def __init__(self, names: tuple[str, ...], registry: MlflowRegistry, cache: BundleCache, budget: float) -> None:
        self._registry, self._cache, self._budget = registry, cache, budget
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="models")
        self.working = ThreadPoolExecutor(max_workers=1, thread_name_prefix="explaining")
        """Where explanations and tables are computed, so that single predictions do not wait behind them."""
        self._earlier: OrderedDict[tuple[str, str], Scorer] = OrderedDict()
        self._lock = Lock()
        self.lanes = {
            name: Lane(
                ServedModel(
                    datasets.load(name), registry, cache, lambda path, version: bundle.load(path, version=version, budget=self._budget)
                )
            )
            for name in names
        }

    async def follow(self, seconds: float) -> None:
        """Serves the last good versions from the disk, then follows the registry for as long as the task lives."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._restore)
        settled = None
        while True:
            await loop.run_in_executor(self._threads, self._refresh)
            if (serving := [lane.model.serving for lane in self.lanes.values()]) != settled:
                _settle()
                settled = serving
            await asyncio.sleep(seconds)

    def close(self) -> None:
        """Lets the threads go."""
        for pool in (self._threads, self.working):
            pool.shutdown(wait=False, cancel_futures=True)

    def version(self, dataset: str, version: str) -> Scorer:
        """The scorer of one version, whether it serves or not; blocks. Raises Unavailable, ConfigurationError, BundleError."""
        lane = self.lanes[dataset]
        serving = lane.model.scorer
        if serving and serving.model.version == version:
            return serving
        key = (dataset, version)
        with self._lock:
            if known := self._earlier.get(key):
                self._earlier.move_to_end(key)
                return known
        registered = self._registry.version(lane.spec.model, version)
        scorer = bundle.load(self._cache.fetch(self._registry, registered), version=version, budget=self._budget)
        with self._lock:
            self._earlier[key] = scorer
            while len(self._earlier) > EARLIER:
                self._earlier.popitem(last=False)
        return scorer

    def _restore(self) -> None:
        for lane in self.lanes.values():
            lane.model.restore()
        self._tell()

    def _refresh(self) -> None:
        for name, lane in self.lanes.items():
            try:
                metrics.refresh(lane.model)
            except Exception:  # a bug must not end the following of every model
                log.exception("looking for the model of %s in production failed", name)
        self._tell()

    def _tell(self) -> None:
        metrics.tell_models(lane.model for lane in self.lanes.values())

"""Bundles that were fetched, on this machine's disk, so that the last good one serves while the registry is down."""

import os
import shutil
import tempfile
from pathlib import Path

from adapters.bundle import MANIFEST
from adapters.registry import ModelRegistry, Registered, digest_of
from core.errors import BundleError

CURRENT = "current"
"""The file in the cache that names the last good version."""


class BundleCache:
    """One directory a model, one directory a version in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def last_good(self, name: str) -> Registered | None:
        """The version that served last, if there was one."""
        pointer = self.directory / name / CURRENT
        version = pointer.read_text("utf-8").strip() if pointer.exists() else ""
        return Registered(name, version) if version and self.path(Registered(name, version)).is_dir() else None

    def path(self, model: Registered) -> Path:
        """Where a version's bundle is, or would be."""
        return self.directory / model.name / model.version

    def fetch(self, registry: ModelRegistry, model: Registered) -> Path:
        """The version's bundle, from the disk or else from the registry; raises Unavailable, and BundleError for one that is not
        the one that was registered."""
        target = self.path(model)
        if target.is_dir() and not _is(model, target):  # the same number of another registry, or damaged
            self.discard(model)
        if not target.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            arriving = Path(tempfile.mkdtemp(prefix=".arriving-", dir=target.parent))
            try:
                registry.fetch(model, arriving)
                _verify(model, arriving)
                if not target.is_dir():  # another worker on this disk may have been first
                    arriving.rename(target)
            finally:
                shutil.rmtree(arriving, ignore_errors=True)
        return target

    def keep(self, model: Registered) -> None:
        """Remembers this version as the last good one."""
        pointer = self.directory / model.name / CURRENT
        fresh = pointer.with_name(f".{CURRENT}-{os.getpid()}")
        fresh.write_text(model.version, "utf-8")
        fresh.replace(pointer)

    def discard(self, model: Registered) -> None:
        """Removes a version that turned out to be bad, so that it is fetched anew when it is asked for again."""
        shutil.rmtree(self.path(model), ignore_errors=True)


def _is(model: Registered, bundle: Path) -> bool:
    """Whether a directory has the manifest that was registered, as far as that is known."""
    return not model.digest or ((bundle / MANIFEST).is_file() and digest_of(bundle) == model.digest)


def _verify(model: Registered, bundle: Path) -> None:
    if not (bundle / MANIFEST).is_file():
        raise BundleError(f"what the registry has as {model.name} version {model.version} is no bundle: it has no {MANIFEST}")
    if not _is(model, bundle):
        raise BundleError(
            f"{model.name} version {model.version} is not the bundle that was registered (its SHA-256 differs): register it again"
        )

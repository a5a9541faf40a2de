"""Fetch a server's pinned jars into a folder outside the checkout: once per user, in parallel, resumable."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import stamina

from core.errors import Unavailable
from local.jars import lock

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes of the whole set, from any thread."""

DOWNLOADS_AT_ONCE = 8


def cache_directory() -> Path:
    """Where jars are kept between checkouts: VIGIA_CACHE_DIR, or `vigia` in the user's cache folder."""
    if chosen := os.environ.get("VIGIA_CACHE_DIR"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vigia"


def folder(server: str) -> Path:
    """The folder that holds the jars of `server` when they are all there, and does not exist before."""
    return cache_directory() / "jars" / f"{server}-{lock.digest(lock.load(server))}"


def fetch(server: str, progress: Progress) -> Path:
    """Make sure that the jars of `server` are on this machine, and say where.

    Raises Unavailable when a jar cannot be had; what was fetched before is kept, so the next try goes on from there.
    """
    target = folder(server)
    jars = lock.load(server)
    total = sum(jar.size for jar in jars)
    if target.is_dir():
        progress(total, total)
        return target
    with _alone(cache_directory()):
        if not target.is_dir():
            _fill(target, jars, progress)
    return target


def _fill(target: Path, jars: tuple[lock.Jar, ...], progress: Progress) -> None:
    tally = _Tally(sum(jar.size for jar in jars), progress)
    repository = cache_directory() / "maven"
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        downloads = [pool.submit(_download, jar, repository, tally.add) for jar in jars]
        try:
            files = [download.result() for download in downloads]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    building = target.with_name(target.name + ".part")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    for jar, file in zip(jars, files, strict=True):
        _link(file, building / jar.file_name)
    building.rename(target)


def _download(jar: lock.Jar, repository: Path, add: Callable[[int], None]) -> Path:
    """Fetch one jar and check it against its digest; a half-written file of an earlier try is fetched again."""
    from jgo.maven import MavenContext

    artifact = MavenContext(repo_cache=repository, timeout=60).project(jar.group, jar.artifact)
    asked = artifact.at_version(jar.version).artifact(jar.classifier)
    try:
        for attempt in stamina.retry_context(on=OSError, attempts=4, wait_initial=0.5, wait_max=10):
            with attempt:
                cached = asked.cached_path
                if cached is not None and cached.exists() and _sha256(cached) != jar.sha256:
                    cached.unlink()
                file = asked.resolve()
    except (OSError, RuntimeError) as error:
        raise Unavailable(
            "jars", f"Could not fetch {asked}: {error}. Check the network, then try again: it goes on where it stopped."
        ) from error
    if _sha256(file) != jar.sha256:
        file.unlink()
        raise Unavailable("jars", f"{asked} is not the file that {lock.__name__} pins: its SHA-256 differs.")
    add(jar.size)
    return file


class _Tally:
    """Adds up bytes from several threads and passes the sum on."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._lock = Lock()
        self._done = 0
        self._total = total
        self._progress = progress

    def add(self, size: int) -> None:
        with self._lock:
            self._done += size
            self._progress(self._done, self._total)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the cache for this process: two stacks that start at once fetch each jar once."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

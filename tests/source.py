"""The fake source API on a real server, in this process."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from random import Random

import httpx

from simulator.api import create_app
from simulator.faults import Faults
from simulator.shelf import Shelf
from tests.http import running


@contextmanager
def serving(shelves: Mapping[str, Shelf], now: datetime, faults: Faults | None = None) -> Iterator[httpx.Client]:
    """A client of a server with these shelves; without faults, nothing fails by itself."""
    with running(create_app(shelves, faults or Faults(Random(1)), lambda: now)) as client:
        yield client

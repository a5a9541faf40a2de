"""The fake source API on a real server, in this process."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from random import Random
from threading import Thread

import httpx
import uvicorn

from simulator.api import create_app
from simulator.faults import Faults
from simulator.shelf import Shelf


@contextmanager
def serving(shelves: Mapping[str, Shelf], now: datetime, faults: Faults | None = None) -> Iterator[httpx.Client]:
    """A client of a server with these shelves; without faults, nothing fails by itself."""
    app = create_app(shelves, faults or Faults(Random(1)), lambda: now)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()

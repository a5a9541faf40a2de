"""Free ports, for stacks that nobody needs to find by a known one."""

import socket
from contextlib import ExitStack

from local.settings import PORTS


def free_ports() -> dict[str, int]:
    """A free port for every part of a stack, as settings."""
    with ExitStack() as held:
        sockets = {name: held.enter_context(socket.socket()) for name in PORTS}
        for each in sockets.values():
            each.bind(("127.0.0.1", 0))
        return {name: each.getsockname()[1] for name, each in sockets.items()}

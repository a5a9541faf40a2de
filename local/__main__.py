"""`python -m local [PART …]`: the supervisor's process. Its settings come from the environment."""

import fcntl
import logging
import sys

from local import stack, supervisor
from local.settings import StackSettings


def main(only: list[str]) -> None:
    """Runs the stack of the settings' data directory until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = StackSettings()
    with (settings.data / "stack.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"another stack runs on {settings.data}") from None
        supervisor.run(stack.parts(settings, only), settings.data)


if __name__ == "__main__":
    main(sys.argv[1:])

"""`python -m flows.deploy`: the work pool and the deployments of `prefect.yaml`, on the server at PREFECT_API_URL.

Prefect's own command line does it; made again, what is there is brought up to date. With `--follow` it is done again whenever
VIGIA_FLOWS_HOME leads to another folder: who brings the flows' code by git points a link at each new commit, so that a new flow can be
started without a new image.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(os.environ.get("VIGIA_FLOWS_HOME") or Path(__file__).parents[1])
"""Where the flows' code is, and prefect.yaml with it."""

POOL = "vigia"

LOOK_SECONDS = 5.0


def deploy() -> None:
    """Exits with Prefect's code when one of its commands fails, and what it said."""
    environment = {"VIGIA_FLOWS_HOME": str(HOME), "VIGIA_INGEST_CRON": "*/15 * * * *", "VIGIA_WATCH_CRON": "*/10 * * * *", **os.environ}
    for command in (("work-pool", "create", POOL, "--type", "process", "--overwrite"), ("deploy", "--all")):
        whole = [sys.executable, "-m", "prefect", "--no-prompt", *command]
        done = subprocess.run(whole, cwd=HOME, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            print(done.stdout, flush=True)
            raise SystemExit(done.returncode)
    print(f"the deployments of {HOME / 'prefect.yaml'} are registered", flush=True)


def follow() -> None:
    """Registers them, and again whenever the link leads elsewhere; ends only by a signal or when that fails."""
    registered: Path | None = None
    while True:
        if (now := HOME.resolve()) != registered and (now / "prefect.yaml").exists():
            deploy()
            registered = now
        time.sleep(LOOK_SECONDS)


def main(arguments: list[str]) -> None:
    """Registers the deployments once, or for as long as the process lives."""
    if arguments not in ([], ["--follow"]):
        raise SystemExit("usage: python -m flows.deploy [--follow]")
    follow() if arguments else deploy()


if __name__ == "__main__":
    main(sys.argv[1:])

"""`python -m flows.deploy`: the work pool and the deployments of `prefect.yaml`, on the server at PREFECT_API_URL.

Prefect's own command line does it; made again, what is there is brought up to date.
"""

import os
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parents[1]
"""Where the flows' code is, and prefect.yaml with it."""

POOL = "vigia"


def main() -> None:
    """Exits with Prefect's code when one of its commands fails, and what it said."""
    environment = {"VIGIA_FLOWS_HOME": str(HOME), "VIGIA_INGEST_CRON": "*/15 * * * *", "VIGIA_WATCH_CRON": "*/10 * * * *", **os.environ}
    for command in (("work-pool", "create", POOL, "--type", "process", "--overwrite"), ("deploy", "--all")):
        whole = [sys.executable, "-m", "prefect", "--no-prompt", *command]
        done = subprocess.run(whole, cwd=HOME, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            print(done.stdout, flush=True)
            raise SystemExit(done.returncode)
    print(f"the deployments of {HOME / 'prefect.yaml'} are registered", flush=True)


if __name__ == "__main__":
    main()

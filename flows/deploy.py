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
    """Exits with Prefect's code when one of its commands fails, after its output."""
    environment = {"VIGIA_FLOWS_HOME": str(HOME), "VIGIA_INGEST_CRON": "*/15 * * * *", "VIGIA_WATCH_CRON": "*/10 * * * *", **os.environ}
    for command in (("work-pool", "create", POOL, "--type", "process", "--overwrite"), ("deploy", "--all")):
        done = subprocess.run([sys.executable, "-m", "prefect", "--no-prompt", *command], cwd=HOME, env=environment)
        if done.returncode:
            raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()

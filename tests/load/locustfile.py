"""What callers do to the API: `locust -f tests/load/locustfile.py --headless -u 32 -t 60s --host http://127.0.0.1:8000`.

LOAD_RATE is how many requests all users make a second (as many as they can, if not set); LOAD_PATH what single predictions ask for.
An answer without a score is an error. Where the API has keys, LOAD_KEY is one.
"""

import csv
import io
import itertools
import json
import os
from datetime import UTC, datetime

from locust import FastHttpUser, constant, constant_throughput, tag, task

from schemas import datasets
from simulator.generate import Generator

USERS = int(os.environ.get("LOAD_USERS", "32"))
RATE = float(os.environ.get("LOAD_RATE", "0"))
PATH = os.environ.get("LOAD_PATH", "/predict")
ROWS = 10_000
EXAMPLE = {"empresa": "ABC", "subpartida": "110100", "puerto": "CARTAGENA"}

DECLARATIONS = [
    declaration for declaration, _ in itertools.islice(Generator("exportaciones", seed=7).stream(datetime.now(UTC), 0.01), ROWS)
]
BODIES = [json.dumps(each) for each in (EXAMPLE, *DECLARATIONS[:999])]


def table() -> str:
    """All the declarations as CSV."""
    text = io.StringIO()
    names = [field.name for field in datasets.load("exportaciones").fields]
    writer = csv.DictWriter(text, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(DECLARATIONS)
    return text.getvalue()


TABLE = table()


class Caller(FastHttpUser):
    """Asks for single predictions, the first of them with three fields, or for whole tables."""

    wait_time = constant_throughput(RATE / USERS) if RATE else constant(0)
    default_headers = {"X-API-Key": os.environ["LOAD_KEY"]} if "LOAD_KEY" in os.environ else {}

    def on_start(self) -> None:
        self.bodies = itertools.cycle(BODIES)

    @tag("single")
    @task
    def predict(self) -> None:
        with self.client.post(PATH, next(self.bodies), headers={"Content-Type": "application/json"}, catch_response=True) as answer:
            if answer.status_code == 200 and b'"score"' not in (answer.content or b""):
                answer.failure("there is no score in the answer")

    @tag("batch")
    @task
    def predict_batch(self) -> None:
        with self.client.post("/predict/batch", TABLE, headers={"Content-Type": "text/csv"}, catch_response=True) as answer:
            lines = (answer.text or "").splitlines()
            if answer.status_code == 200 and (len(lines) != ROWS or '"score"' not in lines[-1]):
                answer.failure(f"{len(lines)} lines of {ROWS}")

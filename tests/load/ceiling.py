"""The ceiling: a FastAPI endpoint that answers a constant, on the server that the API has."""

import sys

import uvicorn
from fastapi import FastAPI

CONSTANT = {
    "event_id": None,
    "declaration_id": None,
    "dataset": "exportaciones",
    "error": 0.09381285309791565,
    "score": 1.2031699498748372,
    "threshold": 2.0,
    "anomaly": False,
    "severity": None,
    "model": {"name": "autoencoder-exportaciones", "version": "1"},
}

app = FastAPI()


@app.post("/constant")
async def constant() -> dict[str, object]:
    return CONSTANT


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_config=None)

"""Logs as every process writes them: one JSON object a line, with the service that speaks."""

import logging
import sys

from pydantic import ValidationError
from pythonjsonlogger.json import JsonFormatter


def configure_logging(service: str, level: str = "INFO") -> None:
    """Sends the root logger to standard output as JSON; called once, by a process' composition root."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it says every request of every poll


def formatter(service: str) -> JsonFormatter:
    """Writes a record as one JSON object, with what it was given as `extra`."""
    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        static_fields={"service": service},
    )


def log_faults(error: ValidationError, prefix: str = "") -> None:
    """Says which settings are wrong, by the names of their variables: `prefix` is that of a process' own."""
    for fault in error.errors():
        name = "_".join(map(str, fault["loc"]))
        logging.critical("the setting %s: %s", name if name.isupper() else f"{prefix}{name.upper()}", fault["msg"])

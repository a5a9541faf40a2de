"""Errors that say what to do about them.

A message that cannot be used is a value (`schemas.declaration.Rejected`), not an exception; these are the others.
"""

from __future__ import annotations

REFUSED = 78
"""The exit code of a process that refuses to go on until a person changes something (EX_CONFIG of sysexits): it stays stopped."""


class Unavailable(Exception):
    """A dependency is down or not ready: back off and resume with the same work.

    `code` is stable and short, for metrics and logs.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ConfigurationError(Exception):
    """A setting, a file or an argument is wrong: stop, and let the message tell the user what to change."""


class BundleError(ConfigurationError):
    """A model bundle cannot be trusted or used as it is."""


class TrainingError(ConfigurationError):
    """The given data cannot make a model."""

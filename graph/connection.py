"""The way to Neo4j, and what its errors mean here."""

from collections.abc import Iterator
from contextlib import contextmanager

import neo4j
from neo4j.exceptions import AuthError, DatabaseError, DriverError, Neo4jError, ServiceUnavailable, SessionExpired, TransientError
from neo4j.exceptions import ConfigurationError as BadConfiguration

from core.errors import ConfigurationError, Unavailable
from graph.settings import Neo4jSettings

CONNECT_SECONDS = 5.0
ACQUIRE_SECONDS = 15.0


def connect(settings: Neo4jSettings) -> neo4j.Driver:
    """A driver that reaches the server; raises Unavailable when there is none, ConfigurationError for a wrong address or password."""
    with translated(settings):
        try:
            driver = neo4j.GraphDatabase.driver(
                settings.uri,
                auth=(settings.user, settings.password.get_secret_value()),
                connection_timeout=CONNECT_SECONDS,
                connection_acquisition_timeout=ACQUIRE_SECONDS,
                notifications_min_severity="OFF",  # a label that no declaration has brought yet is nothing to warn of
                telemetry_disabled=True,
            )
        except (BadConfiguration, ValueError) as error:
            raise ConfigurationError(f"NEO4J_URI is {settings.uri!r}: {error}") from error
        try:
            driver.verify_connectivity()
        except BaseException:
            driver.close()
            raise
    return driver


@contextmanager
def translated(settings: Neo4jSettings) -> Iterator[None]:
    """Turns the driver's errors into ours; what is neither an outage nor a wrong setting passes, being a bug."""
    try:
        yield
    except AuthError as error:
        raise ConfigurationError(
            f"Neo4j at {settings.uri} refuses user {settings.user!r}: set NEO4J_USER and NEO4J_PASSWORD ({error.message})"
        ) from error
    except (TransientError, DatabaseError) as error:
        raise Unavailable("neo4j_failing", f"Neo4j at {settings.uri} cannot do its work now: {error.message}") from error
    except (ServiceUnavailable, SessionExpired) as error:
        raise Unavailable("neo4j_unavailable", f"Neo4j at {settings.uri} does not answer: {error}") from error
    except DriverError as error:
        if error.is_retryable():
            raise Unavailable("neo4j_unavailable", f"Neo4j at {settings.uri} does not answer: {error}") from error
        raise


def is_deadlock(error: Exception) -> bool:
    """Whether the server chose this transaction to give way to another: it can be repeated at once."""
    return isinstance(error, Neo4jError) and error.code is not None and error.code.endswith(("DeadlockDetected", "LockClientStopped"))

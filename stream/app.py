"""The Faust app that owns a worker's process: its agents, timers, lifecycle and web pages."""

import logging
import os
import signal

import faust
from faust.app.base import BootStrategy

from adapters.kafka import KafkaSettings
from core.errors import REFUSED, ConfigurationError
from stream.settings import WorkerSettings

log = logging.getLogger(__name__)

CRASHED = 1
"""The exit code after an unexpected error: start again, the work is where it was."""


class WithoutOwnConsumer(BootStrategy):
    """Starts agents, timers and the web, and none of Faust's own Kafka clients: librdkafka moves the bytes (ADR 2)."""

    enable_kafka = False


class WorkerApp(faust.App):
    """A worker's app. `exit_code` is what the process ends with: 0 after a stop that was asked for."""

    BootStrategy = WithoutOwnConsumer
    exit_code = 0

    def fail(self, error: Exception) -> None:
        """Ends the worker because of an error, through the same graceful stop as SIGTERM.

        After a ConfigurationError it refuses to go on (REFUSED); anything else has CRASHED it.
        """
        refused = isinstance(error, ConfigurationError)
        log.critical("stopping: %s", error, exc_info=None if refused else error)
        if not self.exit_code:
            self.exit_code = REFUSED if refused else CRASHED
            os.kill(os.getpid(), signal.SIGTERM)


def create_app(role: str, settings: WorkerSettings, kafka: KafkaSettings) -> WorkerApp:
    """The app of one role, with its web server on the settings' port; nothing runs yet.

    Raises ConfigurationError when the state directory cannot be written.
    """
    data = settings.vigia_state_dir / "faust" / settings.worker_id
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"VIGIA_STATE_DIR={settings.vigia_state_dir} cannot be written: {error}") from error
    app = WorkerApp(
        f"vigia-{role}",
        broker=f"kafka://{kafka.bootstrap_servers.split(',')[0]}",
        datadir=data,
        web_bind=settings.web_bind,
        web_port=settings.web_port,
        topic_disable_leader=True,
    )

    # Faust holds channels back until its own consumer has partitions; here the source decides when there is work.
    @app.task  # type: ignore[untyped-decorator]
    async def _open_channels() -> None:
        app.flow_control.resume()

    return app

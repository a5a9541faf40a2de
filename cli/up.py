"""`vigia up`: the whole stack on this machine."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from local.settings import StackSettings
    from local.state import StackStatus

DataDir = Annotated[Path | None, typer.Option(envvar="VIGIA_DATA_DIR", help="where the stack keeps its data", show_default=".vigia")]

BACKGROUND = {
    "vigia status": "what runs, where, since when",
    "vigia watch": "the alerts, live",
    "vigia down": "stop it; the data stays",
}
"""What to do with a stack that runs in the background."""

FIRST = {"ui", "api"}
"""The parts whose addresses people want first."""

TOLD = ("ready", "done", "restarting", "refused", "failed", "stopped")
"""The states that are worth a line where the output is no terminal."""


def up(
    detach: Annotated[bool, typer.Option("--detach", help="run in the background; `vigia down` stops it")] = False,
    simulate: Annotated[bool, typer.Option("--simulate/--no-simulate", help="publish simulated declarations")] = True,
    data_dir: DataDir = None,
    port_offset: Annotated[
        int | None,
        typer.Option(envvar="VIGIA_PORT_OFFSET", help="added to every port: two stacks side by side", show_default="0"),
    ] = None,
    simulate_rate: Annotated[float | None, typer.Option(help="simulated declarations per second", show_default="20")] = None,
    monitor: Annotated[bool | None, typer.Option("--monitor", help="with Prometheus and Alertmanager, if the system has them")] = None,
) -> None:
    """Start the whole stack on this machine, the API and the analysts' screen included, and show the alerts."""
    from rich.console import Console

    from local import client

    settings = stack_settings(data_dir, port_offset, simulate=simulate, simulate_rate=simulate_rate, monitor=monitor)
    console = Console()
    client.check(settings)
    fetch_jars(settings, console)
    supervisor = client.start(settings, outlive=detach)
    try:
        with _progress(console) as show:
            status = client.wait(settings, supervisor, show)
        header = addresses(status, settings)
        if detach:
            console.print(header)
            console.print()
            for command, purpose in BACKGROUND.items():
                console.print(f"  [bold]{command:14}[/]{purpose}", highlight=False)
            return
        from adapters.kafka import KafkaSettings
        from cli.watch import live

        kafka = KafkaSettings(bootstrap_servers=f"127.0.0.1:{settings.port('kafka_port')}")
        if not console.is_terminal:
            console.print(header)
        live(kafka, console, header=header, keep_on=lambda: supervisor.poll() is None)
        console.print(f"The stack has stopped by itself: see {settings.data / 'logs'}")
        raise typer.Exit(1)
    except BaseException as error:
        if not detach or not isinstance(error, typer.Exit):
            stop(settings.data, console)
        if not isinstance(error, KeyboardInterrupt):
            raise
        console.print(
            f"Everything is stopped. The data stays in {settings.data}: `vigia up` goes on from there.", highlight=False, soft_wrap=True
        )


def stack_settings(data_dir: Path | None, port_offset: int | None, **more: Any) -> "StackSettings":
    """The stack's settings: the environment's, with what the command line gives instead."""
    from pydantic import ValidationError

    from core.errors import ConfigurationError
    from local.settings import StackSettings

    given = {"vigia_data_dir": data_dir, "vigia_port_offset": port_offset, **more}
    try:
        return StackSettings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        fault = error.errors()[0]
        raise ConfigurationError(f"the setting {'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}") from None


def fetch_jars(settings: "StackSettings", console: "Console", only: Sequence[str] = ()) -> None:
    """Fetches the jars of the stack's servers, or of those named, that are not on this machine yet, and shows how far it is."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from local import client
    from local.jars import fetch

    if missing := client.needs_jars(settings, only):
        with Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console) as progress:
            for server in missing:
                task = progress.add_task(f"Fetching {server.capitalize()}'s jars", total=None)

                def show(done: int, total: int, task: Any = task) -> None:
                    progress.update(task, completed=done, total=total)

                fetch.fetch(server, show)


def stop(data: Path, console: "Console") -> bool:
    """Stops the stack of a data directory and says how it goes; False when nothing ran."""
    from local import client

    try:
        with _progress(console, "Stopping") as show:
            return client.stop(data, show)
    except KeyboardInterrupt:
        console.print("Still stopping: one more moment, so that nothing is lost.")
        return client.stop(data)


def addresses(status: "StackStatus", settings: "StackSettings") -> "Table":
    """Where everything is, and how to log in."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Vigía is up", title_justify="left", title_style="bold green", box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, part in sorted(status.parts.items(), key=lambda item: item[0] not in FIRST):  # the others stay in their order
        if part.address:
            table.add_row(part.title, Text(part.address))
        for line in _login(name, settings):
            table.add_row("", Text(line, "dim"))
    table.add_row("Data and logs", Text(str(settings.data)))
    return table


def _login(name: str, settings: "StackSettings") -> list[str]:
    if name == "neo4j":
        bolt = f"bolt://127.0.0.1:{settings.port('neo4j_bolt_port')}"
        return [bolt, f"user neo4j, password {settings.neo4j_password.get_secret_value()}"]
    if name == "postgres-raw":
        return [f"database raw, user {settings.postgres_user}, password {settings.postgres_password.get_secret_value()}"]
    return []


@contextmanager
def _progress(console: "Console", verb: str = "Starting") -> "Iterator[Callable[[StackStatus], None]]":
    """Shows the parts as they change: a live table on a terminal, a line for each change elsewhere."""
    if not console.is_terminal:
        seen: dict[str, tuple[str, str]] = {}

        def line(status: "StackStatus") -> None:
            for name, part in status.parts.items():
                told = (part.state, part.detail if part.state == "starting" and not part.detail.startswith(" ") else "")
                if seen.get(name) != told and (part.state in TOLD or told[1]):
                    took = f" ({part.took:.0f} s)" if part.state in ("ready", "done") and verb == "Starting" else ""
                    if verb == "Starting" or part.state == "stopped":
                        console.print(f"{part.title}: {told[1] or part.state}{took}", highlight=False, soft_wrap=True, markup=False)
                seen[name] = told

        yield line
        return
    from rich.live import Live

    with Live(console=console, transient=True, refresh_per_second=8) as view:
        yield lambda status: view.update(_parts(status, verb))


def _parts(status: "StackStatus", verb: str) -> "Table":
    import time

    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    over = ("stopped",) if verb == "Stopping" else ("ready", "done")
    table = Table(title=verb, title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=False)
    for column in range(5):
        table.add_column(no_wrap=True, justify="right" if column == 3 else "left", overflow="ellipsis")
    for part in status.parts.values():
        mark = Text("✓", "green") if part.state in over else Text("·", "dim") if part.state == "waiting" else Spinner("dots")
        busy = part.state in ("preparing", "starting", "restarting")
        took = time.time() - part.began if busy else part.took if part.state in ("ready", "done") and verb == "Starting" else 0.0
        detail = part.detail or part.last_error
        table.add_row(mark, part.title, Text(part.state, "dim"), f"{took:.0f} s" if took >= 1 else "", Text(detail, "dim"))
    return table

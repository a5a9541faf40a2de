"""`vigia watch`: the alerts, live."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import BootstrapServers, kafka_settings

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

STYLES = {"low": "yellow", "medium": "dark_orange", "high": "red", "critical": "bold white on red"}


def watch(
    bootstrap_servers: BootstrapServers = None,
    from_start: Annotated[bool, typer.Option("--from-start", help="begin with the oldest alert that the topic still has")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON alert a line, as it is on the topic")] = False,
) -> None:
    """Show alerts as they arrive, until Ctrl-C."""
    from rich.console import Console

    kafka = kafka_settings(bootstrap_servers)
    try:
        if as_json:
            for value in alerts(kafka, from_start=from_start):
                if value:
                    print(value.decode("utf-8"), flush=True)
        else:
            live(kafka, Console(), from_start=from_start)
    except KeyboardInterrupt:
        pass


def alerts(kafka: Any, *, from_start: bool = False) -> Iterator[bytes | None]:
    """The alerts' JSON texts, and None whenever there was none for a moment."""
    from adapters.kafka import TopicSettings
    from cli.follow import followed

    with followed(kafka, TopicSettings().anomalies, from_start=from_start) as arriving:
        for message in arriving:
            yield message.value() if message else None


def live(
    kafka: Any,
    console: "Console",
    *,
    header: "RenderableType | None" = None,
    keep_on: Callable[[], bool] = lambda: True,
    from_start: bool = False,
) -> None:
    """Shows the newest alerts under `header` while `keep_on()` holds; plain lines where the output is no terminal."""
    import msgspec
    from rich.console import Group
    from rich.live import Live

    from schemas.events import AnomalyV1

    decode = msgspec.json.Decoder(AnomalyV1).decode
    shown: deque[AnomalyV1] = deque(maxlen=max(5, console.height - 14))
    incoming = (decode(value) if value else None for value in alerts(kafka, from_start=from_start))
    if not console.is_terminal:
        for alert in incoming:
            if alert:
                console.print("  ".join(_row(alert)), soft_wrap=True, highlight=False, markup=False)
            if not keep_on():
                return
    seen, drawn = 0, 0.0
    with Live(console=console, auto_refresh=False) as view:
        for alert in incoming:
            if alert:
                shown.appendleft(alert)
                seen += 1
            if alert is None or time.monotonic() - drawn > 0.25:
                table = _table(shown, seen)
                view.update(Group(header, table) if header else table, refresh=True)
                drawn = time.monotonic()
            if not keep_on():
                return


def _row(alert: Any) -> tuple[str, ...]:
    reasons = ", ".join(f"{part.field} {part.value}" for part in alert.contributions[:2])
    time_of_day = alert.detected_at[11:19]
    return (time_of_day, alert.severity, f"{alert.score:.1f}", alert.empresa, alert.subpartida, alert.puerto, reasons)


def _table(shown: "deque[Any]", seen: int) -> "Table":
    from rich.table import Table

    title = f"{seen:,} alerts so far, the newest first" if seen else "No alert yet: the first ones come within a minute of traffic"
    table = Table(title=title, title_justify="left", expand=True, box=None, header_style="dim")
    widths = {"time": 8, "severity": 8, "score": 5, "empresa": 11, "subpartida": 10, "puerto": 12, "because of": 20}
    for column, width in widths.items():
        table.add_column(column, justify="right" if column == "score" else "left", no_wrap=True, overflow="ellipsis", min_width=width)
    for alert in shown:
        severity, *rest = _row(alert)[1:]
        table.add_row(_row(alert)[0], f"[{STYLES[alert.severity]}]{severity}[/]", *rest)
    return table

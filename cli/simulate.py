"""`vigia simulate`: synthetic declarations, onto their topics or into a file."""

import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import BootstrapServers, kafka_settings

if TYPE_CHECKING:
    from simulator.generate import Drift
    from simulator.publish import Target
    from simulator.traffic import Event

DEFAULT_RATE = 20.0


def simulate(
    dataset: Annotated[str, typer.Option(help="a dataset, or all of them mixed")] = "all",
    rate: Annotated[
        float | None, typer.Option(help="declarations a second, 0: as many as go", show_default="20 to Kafka, 0 to a file", min=0)
    ] = None,
    count: Annotated[int | None, typer.Option(help="how many, then stop", show_default="until Ctrl-C", min=1)] = None,
    seed: Annotated[int, typer.Option(help="which companies, with which habits")] = 7,
    anomaly_share: Annotated[float, typer.Option(help="share of declarations made odd on purpose", min=0, max=1)] = 0.01,
    labels: Annotated[Path | None, typer.Option(help="JSONL file to append what was injected to")] = None,
    bootstrap_servers: BootstrapServers = None,
    start: Annotated[str | None, typer.Option(help="date or date-time of the first declaration", show_default="now")] = None,
    per_day: Annotated[
        float | None,
        typer.Option(help="declarations to a simulated day", show_default="as many as the rate makes, 5700 to a file", min=1),
    ] = None,
    drift: Annotated[
        list[str] | None,
        typer.Option(metavar="SUBPARTIDA=FACTOR@DATE", help="from that date on, multiply this price: 3808929900=3@2026-09-01"),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="clean training rows of the year before --start; wants --dataset and --count")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="write JSON lines here (- for standard output) instead of publishing")] = None,
) -> None:
    """Publish synthetic declarations, a known share of them odd.

    The seed fixes the companies and their habits; the seed, the start and the other options fix the events and their ids.
    A run that starts now makes new ids each time; giving the same --start again makes the same declarations again.
    """
    from datetime import UTC, datetime

    from adapters.kafka import TopicSettings
    from adapters.tracing import configure_tracing
    from core.errors import ConfigurationError, Unavailable
    from schemas import datasets
    from simulator import traffic
    from simulator.generate import PER_DAY, Generator
    from simulator.publish import JsonLines, Topics

    configure_tracing("simulate")
    try:
        begin = datetime.fromisoformat(start) if start else datetime.now(UTC)
    except ValueError:
        raise ConfigurationError(f"--start {start!r} is no date: write it like 2026-01-31 or 2026-01-31T08:00:00") from None
    names = datasets.names() if dataset == "all" else (dataset,)
    if unknown := [name for name in names if name not in traffic.SHARES]:
        raise ConfigurationError(f"--dataset {unknown[0]}: the simulator makes {', '.join(traffic.SHARES)}, or all")
    if history and (dataset == "all" or count is None or out is None):
        raise ConfigurationError("--history wants one --dataset, a --count and a file (--out)")
    if out not in (None, Path("-")) and count is None:
        raise ConfigurationError(f"--out {out}: say how many declarations to write with --count")

    pace = (0.0 if out else DEFAULT_RATE) if rate is None else rate
    changes = [_drift(text) for text in drift or []]
    events: Iterator[traffic.Event]
    if history and count is not None:
        events = (traffic.Event(dataset, row, None) for row in Generator(dataset, seed, drift=changes).history(count, begin.date()))
    else:
        a_day = per_day or (pace * 86_400 if pace and not out else PER_DAY)
        events = traffic.mixed(names, seed, begin, anomaly_share, per_day=a_day, drift=changes)
    try:
        if out is None:
            undelivered = _run(events, count, pace, labels, Topics(kafka_settings(bootstrap_servers), TopicSettings()))
        else:
            with sys.stdout.buffer if str(out) == "-" else out.open("wb") as file:
                undelivered = _run(events, count, pace, labels, JsonLines(file))
    except Unavailable as error:
        typer.echo(f"vigia simulate: {error}", err=True)
        raise typer.Exit(1) from None
    except BrokenPipeError:  # whoever read the standard output has had enough
        raise typer.Exit(0) from None
    if undelivered:
        typer.echo(f"{undelivered:,} declarations were not delivered", err=True)
        raise typer.Exit(1)


def _run(events: "Iterator[Event]", count: int | None, rate: float, labels: Path | None, target: "Target") -> int:
    """Sends the events until there are enough of them or someone stops us; returns how many were not delivered."""
    from itertools import islice

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from simulator import traffic

    console = Console(stderr=True)
    sent = odd = 0
    columns = (TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        _stop_on_signals() as stop,
        closing(traffic.Labels(labels)) as noted,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown,
    ):
        task = shown.add_task("", total=count)
        try:
            for block in traffic.paced(islice(events, count), rate or None, lambda: bool(stop)):
                noted.note(block)
                target.send(block)
                sent += len(block)
                odd += sum(event.kind is not None for event in block)
                shown.update(task, completed=sent)
        finally:
            undelivered = target.close()
    console.print(f"{sent:,} declarations simulated, {odd:,} of them odd on purpose", highlight=False)
    return undelivered


@contextmanager
def _stop_on_signals() -> Iterator[list[int]]:
    """A list that is no longer empty once SIGTERM or Ctrl-C arrived, so that the block under way is finished and flushed.
    Who insists is not kept waiting."""
    received: list[int] = []

    def note(number: int, _: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    before: dict[int, Any] = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _drift(text: str) -> "Drift":
    from datetime import date

    from core.errors import ConfigurationError
    from simulator import reference
    from simulator.generate import Drift
    from simulator.traffic import SHARES

    subpartida, _, rest = text.partition("=")
    factor, _, since = rest.partition("@")
    try:
        drift = Drift(date.fromisoformat(since), subpartida, float(factor))
    except ValueError:
        raise ConfigurationError(f"--drift {text!r}: write it like 3808929900=3@2026-09-01") from None
    if not any(product.subpartida == subpartida for dataset in SHARES for product in reference.goods(dataset)):
        raise ConfigurationError(f"--drift {text!r}: the simulator trades no {subpartida}; simulator/data lists what it does")
    return drift

"""`vigia status`: what runs, and where."""

import json
import time
from typing import Annotated

import typer

from cli.up import DataDir, stack_settings


def status(data_dir: DataDir = None, as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Show the parts of a stack. Exit code 0: all ready, 1: something is not, 3: no stack runs."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from local import state

    data = stack_settings(data_dir, None).data
    known = state.running(data)
    if as_json:
        typer.echo(json.dumps(asdict(known) if known else {"phase": "stopped", "parts": {}}, indent=1))
    elif known is None:
        typer.echo(f"No stack runs on {data}.")
        if last := state.read(data):
            if left := state.leftovers(last):
                typer.echo(f"Its supervisor died and left {len(left)} processes: `vigia down` ends them.")
            elif last.problem:
                typer.echo(f"The last one did not start: {last.problem}")
    else:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("part", "state", "pid", "for", "address"):
            table.add_column(column, no_wrap=column != "address", overflow="fold", justify="right" if column in ("pid", "for") else "left")
        for part in known.parts.values():
            color = {"ready": "green", "done": "green", "refused": "bold red", "failed": "bold red"}.get(part.state, "yellow")
            lasted = _duration(time.time() - part.since) if part.pid else ""
            table.add_row(part.title, f"[{color}]{part.state}[/]", str(part.pid or ""), lasted, Text(part.address))
        console = Console()
        console.print(table)
        for part in known.parts.values():
            for label, text in (("now", part.detail if part.state != "done" else ""), ("last error", part.last_error)):
                if text:
                    console.print(Text.assemble((f"{part.title}, {label}: ", "bold"), text), soft_wrap=True)
            if part.restarts:
                console.print(f"{part.title} was restarted {part.restarts} times", highlight=False)
        console.print(f"Data and logs: {data}", highlight=False, soft_wrap=True)
    if known is None:
        raise typer.Exit(3)
    if any(part.state not in ("ready", "done") for part in known.parts.values()):
        raise typer.Exit(1)


def _duration(seconds: float) -> str:
    """A span of time, in its largest unit."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"

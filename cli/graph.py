"""`vigia graph`: prepares the graph, asks it an investigator's questions, makes it again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import neo4j

app = typer.Typer(help="The graph in Neo4j (NEO4J_URI, NEO4J_USER, NEO4J_PASSWORD).", no_args_is_help=True)


@app.command()
def schema() -> None:
    """Apply the constraints and load the tariff; doing it again changes nothing."""
    from graph.schema import prepare

    with _driver() as driver:
        prepare(driver)
    typer.echo("The graph has its constraints, its indexes and the tariff.")


@app.command()
def ask(
    name: Annotated[str | None, typer.Argument(help="The question; --list shows those there are.", show_default=False)] = None,
    param: Annotated[list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter of the question.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Show the questions and their parameters.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per row instead of a table.")] = False,
) -> None:
    """Ask one of the investigator's questions."""
    from graph import questions

    if listed or name is None:
        _show_questions()
        return
    given = dict(_parameter(text) for text in param or [])
    with _driver() as driver:
        columns, rows = questions.ask(driver, name, given)
    _show_answer(questions.load_all()[name].title, columns, rows, as_json=as_json)


@app.command()
def rebuild(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before emptying the graph.")] = False,
) -> None:
    """Empty the graph, so that the graph writer makes it again from all that `declarations.scored` and `feedback` still retain."""
    from graph.rebuild import empty

    if not yes:
        typer.confirm("This empties the graph; what the topics no longer retain will not come back. Go on?", abort=True)
    with _driver() as driver:
        empty(driver, lambda label: typer.echo(f"Removing {label}"))
    typer.echo("The graph is empty. A graph writer that is running stops at its next batch: start it again, and it begins at the start.")


@contextmanager
def _driver() -> "Iterator[neo4j.Driver]":
    from graph.connection import connect, translated
    from graph.settings import Neo4jSettings

    settings = Neo4jSettings()
    driver = connect(settings)
    with driver, translated(settings):
        yield driver


def _parameter(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise typer.BadParameter(f"{text!r} has no value: write --param {name}=VALUE")
    return name.strip(), value.strip()


def _show_questions() -> None:
    from rich.console import Console

    from graph import questions

    console = Console(highlight=False)
    for question in questions.load_all().values():
        console.print(f"[bold]{question.name}[/bold]  {question.title}")
        console.print(f"  {question.description}", markup=False)
        for parameter in question.parameters:
            default = "" if parameter.default is None else f" [{parameter.default}]"
            console.print(f"    --param {parameter.name}=…{default}  {parameter.description}", markup=False)


def _show_answer(title: str, columns: list[str], rows: list[list[object]], *, as_json: bool) -> None:
    import json

    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    if as_json:
        for row in rows:
            typer.echo(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=str))
        return
    console = Console(highlight=False)
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*map(_cell, row))
    if Measurement.get(console, console.options.update(max_width=10_000), table).maximum <= console.width:
        console.print(table)
        return
    console.print(title, style="bold")  # too wide for this terminal: one block a row reads better than squeezed columns
    for row in rows:
        block = Table.grid(padding=(0, 2))
        for column, value in zip(columns, row, strict=True):
            block.add_row(column, _cell(value))
        console.print(block, "")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,.2f}" if isinstance(value, float) else str(value)

"""`vigia evaluate`: how good a model is on declarations that it never saw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from core.scoring import Scorer
    from training.alterations import Row
    from training.evaluate import Evaluation
    from training.reviewed import Reviewed


def evaluate(
    file: Annotated[Path, typer.Argument(help="Declarations from after the model's training rows: a .csv, .jsonl or .parquet file.")],
    bundle: Annotated[Path, typer.Option(help="Directory of the model bundle.")],
    mapping: Annotated[Path | None, typer.Option(help="TOML or JSON file that pairs fields with the table's columns.")] = None,
    past: Annotated[
        Path | None, typer.Option(help="Earlier declarations: what companies did before.", show_default="the first half of FILE")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="What is odd in FILE, as `vigia simulate --labels` writes it; then nothing is altered.")
    ] = None,
    feedback: Annotated[
        Path | None,
        typer.Option(help="What analysts said of alerts on FILE, JSON lines as the API's `GET /feedback` gives; then nothing is altered."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which declarations are altered, and how.")] = 0,
    budget: Annotated[float, typer.Option(help="Which share of normal declarations may raise an alert.")] = 0.01,
    out: Annotated[Path | None, typer.Option(help="JSON file to write the figures to as well.")] = None,
) -> None:
    """Measure what a model finds: alters one in twenty declarations, ranks all of them, explains the altered ones.

    With --labels or --feedback it measures instead what is known of the declarations, or what analysts said of them.
    """
    import msgspec
    from rich.console import Console

    from adapters.bundle import load
    from core.errors import ConfigurationError
    from training import labels as known
    from training import reviewed
    from training.alterations import Past
    from training.evaluate import altered_sets, labelled_sets
    from training.evaluate import evaluate as run

    console = Console(stderr=True)
    found: Evaluation | Reviewed
    try:
        if labels and feedback:
            raise ConfigurationError("--labels and --feedback are two measures: give one of them")
        scorer = load(bundle, budget=budget)
        rows = _rows(file, scorer, mapping)
        if feedback:
            found = reviewed.review(scorer, rows, reviewed.read(feedback, scorer.spec.name))
        elif labels:
            of = known.read(labels)
            found = run(scorer, [row for row in rows if row.declaration_id not in of], labelled_sets(rows, of))
        else:
            earlier, later = (_rows(past, scorer, mapping), rows) if past else (rows[: len(rows) // 2], rows[len(rows) // 2 :])
            found = run(scorer, later, altered_sets(later, Past(earlier), seed))
    except (ConfigurationError, ValueError) as error:
        console.print(f"[red]vigia evaluate:[/red] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    if isinstance(found, reviewed.Reviewed):
        _show_reviewed(found)
    else:
        _show(found, budget)
    if out:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))


def _rows(file: Path, scorer: Scorer, mapping: Path | None) -> list[Row]:
    from adapters.tables import read
    from schemas.declaration import Declaration

    return [row for piece in read(file, mapping, scorer.spec) for row in piece if isinstance(row, Declaration)]


def _show(found: Evaluation, budget: float) -> None:
    from rich.console import Console
    from rich.table import Table

    from training.measures import SHARES

    few, more = SHARES[:2]
    table = Table(box=None)
    table.add_column("odd on purpose", no_wrap=True)
    for title in ("ROC-AUC", "AP", f"precision@{few:.0%}", f"recall@{more:.0%}", "named first", "in alerts"):
        table.add_column(title, justify="right", no_wrap=True)
    for kind, each in found.detection.items():
        named = (f"{share:.0%}" if share == share else "no alert" for share in found.named_first[kind])
        figures = (each.roc_auc, each.average_precision, each.precision[0], each.recall[1])
        table.add_row(kind, *(f"{figure:.3f}" for figure in figures), *named)
    console = Console()
    console.width = max(console.width, 120)
    console.print(table)
    for fields, rate in found.alert_rate.items():
        console.print(
            f"{found.rows:,} untouched declarations, {fields}: {rate:.2%} raise an alert, of a budget of {budget:.2%}", highlight=False
        )
    console.print(f"explaining an alert: {found.explain_ms[0]:.1f} ms (median), {found.explain_ms[1]:.1f} ms (95 %)", highlight=False)


def _show_reviewed(found: Reviewed) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    dismissed = found.judged - found.confirmed
    console.print(f"{found.judged:,} of {found.rows:,} declarations were judged: {found.confirmed:,} confirmed, {dismissed:,} dismissed")
    if found.alerts:
        low, high = found.interval
        console.print(
            f"precision: {found.precision:.1%} (95 %: {low:.1%} to {high:.1%}); "
            f"of the {found.alerts:,} that this model raises an alert for, {found.confirmed_alerts:,} were confirmed"
        )
    else:
        console.print("precision: unknown; this model raises an alert for none of them")
    if found.confirmed:
        console.print(f"missed: {found.missed:,} of the {found.confirmed:,} confirmed ones raise no alert with this model")
    if found.ranking:
        console.print(f"ranking: AP {found.ranking.average_precision:.3f}, ROC-AUC {found.ranking.roc_auc:.3f}")
    else:
        console.print("ranking: unknown; that takes confirmed and dismissed ones")
    console.print("Only what some model raised an alert for is ever judged: of other odd declarations this says nothing.")

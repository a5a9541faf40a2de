"""The model card: what a model is for, what it learned from, how good it is, and what it does not see."""

from __future__ import annotations

from collections.abc import Sequence

from core.gate import Measures
from schemas.datasets import DatasetSpec


def card(spec: DatasetSpec, facts: Sequence[tuple[str, str]], measures: Measures | None) -> str:
    """The card as Markdown. `facts` are pairs of what and how much, in their order; `measures` are the gate's, None when it
    could not judge the model."""
    fields = ", ".join(f"`{field.name}`" for field in spec.modelled)
    lines = [
        f"# {spec.model}",
        "",
        f"Scores declarations of *{spec.title}* by how little each field goes with the others. It finds the odd, *anomalías*;",
        "what they mean people decide. No label and no person's judgement went into it, and it must not decide alone on anybody.",
        "",
        f"It reads {fields}. Every field but the four required ones may be missing.",
        "",
        "## What it learned from",
        "",
        *table(("", ""), facts),
        "",
    ]
    if measures:
        figures = (
            ("untouched declarations judged", f"{measures.rows:,}"),
            ("ROC-AUC, one in twenty altered", f"{measures.roc_auc:.3f}"),
            ("average precision", f"{measures.average_precision:.3f}"),
            ("untouched ones that raise an alert", f"{measures.alert_rate:.2%}"),
            ("a batch of a thousand", f"{measures.latency_ms:.0f} ms"),
        )
        lines += ["## How good it is, on later declarations", "", *table(("", ""), figures), ""]
    lines += [
        "## What it does not see",
        "",
        "- What shows only in several declarations together, such as a series just below a limit.",
        "- What was odd all along: habits are learned from the same declarations, the odd ones among them included.",
        "- A change of the whole trade, until it is trained again: watch the drift report.",
    ]
    return "\n".join(lines) + "\n"


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """The lines of a Markdown table."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return lines + [f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in rows]

"""Ingest: the source's pages into the raw database, from where the last run stopped."""

from __future__ import annotations

import time
from collections import Counter

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import settings as configuration
from flows.landing import Landed, Landing
from flows.source import SourceApi
from flows.tasks import PATIENT, DatasetName, key, prepare
from schemas import datasets
from schemas.declaration import Parser
from training.card import table


@task(name="land a page", task_run_name="page {number}", **PATIENT)
def land_page(api: SourceApi, landing: Landing, parser: Parser, number: int, limit: int, reasons: Counter[str]) -> Landed:
    """Reads the page at the stored cursor and lands it. Tried again, it starts from the stored cursor anew."""
    page = api.page(parser, landing.cursor(), limit)
    landed = landing.land(page)
    if landed is None:
        get_run_logger().warning("another ingest landed the page at %s first", page.cursor or "the start")
        return Landed(known=len(page.declarations), rejected=len(page.rejected))
    reasons.update(f"{each.why.code} in {each.why.field or 'the row'}" for each in page.rejected)
    return landed


@flow(name="ingest", flow_run_name="ingest {dataset}")
def ingest(dataset: DatasetName = "exportaciones", most_pages: int = 10_000, from_the_start: bool = False) -> State:
    """Brings every declaration that the source has and we have not; a run that breaks off goes on where it was.

    Read `from_the_start` a source whose cursors have changed: what is known by its id is not doubled.
    """
    at = configuration.settings()
    spec = datasets.load(dataset)
    prepare(at)
    api, landing = SourceApi(at.source_api_url, at.source_timeout_seconds), Landing(at.raw, dataset)
    total, reasons, started = Landed(), Counter[str](), time.perf_counter()
    try:
        if from_the_start:
            landing.restart()
        for number in range(1, most_pages + 1):
            landed = land_page(api, landing, Parser(spec), number, at.page_rows, reasons)
            total += landed
            if not landed.rows:
                break
    finally:
        api.close()
        landing.close()
    seconds = time.perf_counter() - started
    told = f"{total.new:,} new declarations of {dataset}, {total.known:,} known ones, {total.rejected:,} rejected rows, in {seconds:.1f} s"
    create_markdown_artifact(_report(dataset, total, reasons, seconds), key("ingest", dataset), told)
    return Completed(message=told)


def _report(dataset: str, total: Landed, reasons: Counter[str], seconds: float) -> str:
    rows = [
        ("rows read", f"{total.rows:,}"),
        ("new declarations", f"{total.new:,}"),
        ("known by their id already", f"{total.known:,}"),
        ("rejected, kept in `rejected_rows`", f"{total.rejected:,}"),
        ("rows a second", f"{total.rows / seconds:,.0f}"),
    ]
    lines = [f"# Ingest of {dataset}", "", *table(("", ""), rows)]
    if reasons:
        lines += [
            "",
            "## Why rows were rejected",
            "",
            *table(("reason", "rows"), [(why, f"{count:,}") for why, count in reasons.most_common()]),
        ]
    return "\n".join(lines) + "\n"

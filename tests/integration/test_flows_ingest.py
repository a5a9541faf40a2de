"""Data comes in, from a source that fails, is cut short and has broken rows, into a real PostgreSQL."""

from collections.abc import Iterator

import httpx
import pytest

from core.errors import ConfigurationError
from flows.settings import settings
from tests.learning import Flows, Learning


@pytest.fixture(scope="module")
def here(learning: Learning, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flows]:
    with Flows(learning, "exportaciones").sourced(tmp_path_factory.mktemp("state")) as flows:
        yield flows


def test_an_ingest_that_breaks_off_goes_on_where_it_was_and_every_row_lands_once_or_is_kept_with_its_reason(here: Flows) -> None:
    assert here.ingest(most_pages=3).is_completed()
    assert sum(here.counted()) == 600
    state = here.ingest()
    assert state.is_completed()
    declarations, rejected = here.counted()
    assert declarations + rejected == here.ROWS
    assert 0.002 * here.ROWS < rejected < 0.03 * here.ROWS
    assert "new declarations of exportaciones" in (state.message or "")
    again = here.ingest()
    assert again.message is not None
    assert again.message.startswith("0 new declarations of exportaciones, 0 known ones, 0 rejected rows")
    reasons = here.learning.rows("SELECT DISTINCT code FROM rejected_rows")
    assert len(reasons) >= 3


def test_calls_that_failed_were_tried_again_and_are_seen_in_prefect(here: Flows) -> None:
    body = {"task_runs": {"name": {"like_": "page "}}, "limit": 200}
    tries = [run["run_count"] for run in httpx.post(f"{here.learning.prefect}/task_runs/filter", json=body).json()]
    assert max(tries) > 1
    pages = httpx.post(f"{here.learning.prefect}/artifacts/filter", json={"artifacts": {"key": {"any_": ["ingest-exportaciones"]}}}).json()
    assert any("Why rows were rejected" in each["data"] for each in pages)


def test_a_source_that_is_not_there_fails_the_ingest_with_its_address_and_loses_nothing(here: Flows, monkeypatch) -> None:
    from flows import ingest as module

    before = here.counted()
    monkeypatch.setenv("SOURCE_API_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(module, "land_page", module.land_page.with_options(retries=1, retry_delay_seconds=0.1))
    state = here.ingest()
    assert state.is_failed()
    assert "the source API at http://127.0.0.1:9 did not answer" in (state.message or "")
    assert here.counted() == before


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAW_DATABASE_URL", raising=False)
    monkeypatch.delenv("METADATA_DATABASE_URL", raising=False)
    with pytest.raises(ConfigurationError, match=r"RAW_DATABASE_URL.*METADATA_DATABASE_URL"):
        settings()

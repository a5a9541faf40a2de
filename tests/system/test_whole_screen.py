"""The analysts' screen on the whole stack, in a real browser: every page, and the way of one anomaly from the list to its dismissal."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import neo4j
import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser import DESKTOP, PHONE, Visit, visit
from tests.whole import Whole
from tests.workers import until

PAGES = {
    "resumen": ("Resumen", "Overview"),
    "alertas": ("Alertas", "Alerts"),
    "interpretabilidad": ("Interpretabilidad", "Interpretability"),
    "probar": ("Probar", "Try it"),
    "grafo": ("Grafo", "Graph"),
    "modelos": ("Modelos", "Models"),
}

TALLEST = 2_600
"""Pixels of a picture at most."""

NOT_OURS = {"region", "landmark-unique"}
"""Rules of axe that Streamlit's own frame breaks, whatever is on the page."""

expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def screen(whole: Whole) -> str:
    """The screen's address, with some traffic behind it."""
    whole.publish(1_500)
    whole.settle()
    return whole.address("ui_port")


@pytest.fixture
def seen(chromium: Browser) -> Iterator[Visit]:
    """A visit during which nothing may fail, and nothing be asked of another host."""
    found = visit(chromium)
    yield found
    found.page.context.close()
    assert found.foreign == []
    assert found.failed == []


def at_rest(page: Page) -> None:
    """Waits until Streamlit has run the page to its end, and its pictures are drawn."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    expect(page.locator("[data-stale=true]")).to_have_count(0)


def pictured(page: Page, name: str) -> None:
    """Keeps a picture of the whole page where SCREENSHOTS says, if it says so."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        size = page.viewport_size or DESKTOP
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": size["width"], "height": max(size["height"], min(height, TALLEST))})
        page.wait_for_timeout(1_000)
        page.screenshot(path=Path(folder) / f"{name}.png")
        page.set_viewport_size(size)


def address(screen: str, path: str) -> str:
    """The first page is at the screen's own address."""
    return f"{screen}/{path if path != next(iter(PAGES)) else ''}"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_and_keeps_nobody_from_using_it(screen: str, seen: Visit, path: str) -> None:
    seen.page.goto(address(screen, path))
    expect(seen.page.get_by_role("heading", level=1)).to_have_text(PAGES[path][0])
    at_rest(seen.page)
    expect(seen.page.get_by_test_id("stException")).to_have_count(0)
    expect(seen.page.get_by_role("button", name="Intentar de nuevo")).to_have_count(0)
    pictured(seen.page, path)
    found = Axe().run(seen.page, options={"resultTypes": ["violations"]}).response["violations"]
    broken = [(rule["id"], rule["impact"], [node["html"][:200] for node in rule["nodes"]]) for rule in found if rule["id"] not in NOT_OURS]
    assert broken == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_on_a_phone_and_speaks_english(screen: str, chromium: Browser, path: str) -> None:
    found = visit(chromium, PHONE)
    found.page.goto(f"{address(screen, path)}?lang=en")
    expect(found.page.get_by_role("heading", level=1)).to_have_text(PAGES[path][1])
    at_rest(found.page)
    width = found.page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    found.page.context.close()
    assert width <= PHONE["width"]


def test_an_anomaly_is_followed_from_the_live_list_to_its_reasons_and_its_graph_and_is_dismissed(
    whole: Whole, screen: str, seen: Visit
) -> None:
    page = seen.page
    page.goto(f"{screen}/alertas")
    at_rest(page)
    odd = whole.inject(valor_fob_usd=987_654_321.5, peso_neto_kg=0.25)
    row = page.locator("[class*=st-key-alert-]").filter(has_text=odd["declaration_id"])
    expect(row).to_be_visible()  # nobody touched anything: the list is live
    row.get_by_role("button", name="Abrir").click()

    expect(page.get_by_role("heading", level=1)).to_have_text(f"Alerta sobre {odd['empresa']}")
    expect(page.get_by_role("heading", name="Por qué es extraña")).to_be_visible()
    at_rest(page)
    expect(page.get_by_text("987.654.322 USD").first).to_be_visible()
    assert page.get_by_test_id("stVegaLiteChart").count() >= 2
    pictured(page, "alerta")
    opened = page.url
    event_id = opened.partition("event_id=")[2].partition("&")[0]

    page.get_by_role("button", name="Interpretabilidad").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Interpretabilidad")
    expect(page.get_by_text(odd["empresa"]).first).to_be_visible()
    expect(page.get_by_role("tab", name="Una declaración")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_test_id("stVegaLiteChart").locator("visible=true").first).to_be_visible()

    page.goto(opened)
    page.get_by_role("button", name="Grafo", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Grafo")
    expect(page.get_by_role("textbox", name="Nombre o código")).to_have_value(odd["empresa"])
    graph = page.frame_locator("iframe[title*=st_link_analysis]")
    expect(graph.locator("canvas").first).to_be_visible()
    link = page.get_by_role("link", name="En Neo4j Browser").get_attribute("href") or ""
    assert link.startswith(whole.address("neo4j_http_port"))
    assert quote(odd["empresa"], safe="") in link

    page.goto(opened)
    page.get_by_role("textbox", name="Quién revisa").fill("Ana")
    page.get_by_role("textbox", name="Nota").fill("El valor tiene un error de digitación")
    page.get_by_role("button", name="Descartar").click()
    expect(page.get_by_text("Descartada").first).to_be_visible()
    expect(page.get_by_text("El valor tiene un error de digitación")).to_be_visible()

    with psycopg.connect(whole.stack.database_url("raw", "postgres_raw_port")) as connection:
        said = connection.execute("SELECT verdict, who, note FROM feedback WHERE event_id = %s", [event_id]).fetchall()
    assert said == [("dismissed", "Ana", "El valor tiene un error de digitación")]
    uri = f"bolt://127.0.0.1:{whole.stack.port('neo4j_bolt_port')}"
    with neo4j.GraphDatabase.driver(uri, auth=("neo4j", whole.stack.neo4j_password.get_secret_value())) as driver:
        question = "MATCH (a:Anomalia {event_id: $id}) RETURN a.revision AS revision, a.revision_por AS por"
        until(
            lambda: (
                [dict(row) for row in driver.execute_query(question, id=event_id).records] == [{"revision": "descartada", "por": "Ana"}]
            ),
            lambda: "the graph does not show what was said",
        )


def test_what_is_typed_in_is_scored_and_explained(screen: str, seen: Visit) -> None:
    page = seen.page
    page.goto(f"{screen}/probar")
    at_rest(page)
    page.get_by_label("Subpartida arancelaria").fill("0901119000")
    page.get_by_label("Valor FOB (USD)").fill("900000000")
    page.get_by_label("Peso neto (kg)").fill("2")
    page.get_by_role("button", name="Evaluar").first.click()
    expect(page.get_by_text("declaraciones normales se ve así de extraña").first).to_be_visible()
    expect(page.get_by_text("Sería normal con").first).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    at_rest(page)
    pictured(page, "probar")
    page.get_by_role("tab", name="Subir una tabla").click()
    table = b"empresa,subpartida,puerto\nABC,0901119000,CARTAGENA\nABC,09,CARTAGENA\n"
    page.locator("input[type=file]").set_input_files({"name": "tabla.csv", "mimeType": "text/csv", "buffer": table})
    expect(page.get_by_role("button", name="Descargar los puntajes")).to_be_visible()


def test_a_retraining_is_started_on_the_page_and_followed_to_its_end(whole: Whole, screen: str, seen: Visit) -> None:
    page = seen.page
    page.goto(f"{screen}/modelos")
    at_rest(page)
    page.get_by_role("tab", name="Reentrenamiento").click()
    page.get_by_role("button", name="Iniciar un reentrenamiento").click()
    page.get_by_role("button", name="Sí, iniciarlo").click()
    expect(page.get_by_role("link", name="En Prefect")).to_be_visible()
    expect(page.get_by_text("Promoted").or_(page.get_by_text("Candidate")).first).to_be_visible(timeout=240_000)
    page.get_by_role("tab", name="Versiones y compuerta").click()
    expect(page.get_by_role("heading", name="Lo que dijo la compuerta")).to_be_visible()

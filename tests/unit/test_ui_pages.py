"""What the pages of the analysts' screen show, over an API that answers by the contract."""

from collections.abc import Iterator

import pytest

from tests.fake_world import ODD_NAME
from tests.screen import fresh, page, press, read
from ui import pieces, reading

PAGES = ("resumen", "alertas", "interpretabilidad", "probar", "grafo", "modelos")


@pytest.fixture
def nothing_there() -> Iterator[None]:
    with fresh("http://127.0.0.1:9"):
        yield


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_shown_without_a_fault(name, language, api):
    screen = page(name, lang=language)
    assert not screen.exception
    assert [each.value for each in screen.error] == []  # where a part of a page fails, it says so as an error
    title = {"resumen": ("Resumen", "Overview"), "alertas": ("Alertas", "Alerts"), "probar": ("Probar", "Try it")}
    assert screen.title[0].value == title.get(name, (screen.title[0].value,) * 2)[language == "en"]


@pytest.mark.parametrize("name", PAGES)
def test_with_the_api_down_a_page_says_what_to_do_and_offers_to_try_again(name, nothing_there):
    screen = page(name)
    assert not screen.exception
    told = read(screen)
    assert "La API no responde" in told
    assert "make run" in told
    assert "vigia status" in told
    assert "Intentar de nuevo" in [each.label for each in screen.button]
    assert "Traceback" not in told


@pytest.mark.parametrize("name", PAGES)
def test_a_page_without_a_model_or_any_declaration_says_so_in_words(name, world, api):
    world.versions = world.alerts = 0
    world.broken = {f"/{what}": (503, "no_model", "No disponible ahora", "no hay un modelo") for what in ("explain", "predict")}
    world.broken["/models/exportaciones/influence"] = world.broken["/explain"]
    screen = page(name)
    assert not screen.exception
    assert [each.value for each in screen.error] == []
    expected = {
        "resumen": "No hay declaraciones en este periodo",
        "alertas": "Ninguna alerta es así",
        "interpretabilidad": "Todavía no hay un modelo",
        "probar": "Evaluar",
        "grafo": "Sin alertas no hay nada que sugerir",
        "modelos": "No hay un modelo en producción",
    }
    assert expected[name] in read(screen)


def test_a_dependency_that_is_down_is_named_in_each_part_that_needs_it(world, api):
    world.broken = {"/models/exportaciones": (503, "registry", "No disponible ahora", "el registro de modelos no responde ahora")}
    screen = page("modelos")
    assert not screen.exception
    assert read(screen).count("El registro de modelos no responde ahora.") == 3  # the model, its versions, the watch
    world.broken = {}
    press(screen, "Intentar de nuevo")
    assert "Versión en producción" in read(screen)


def test_the_overview_has_the_figures_of_the_period_and_the_parts_that_are_down(world, api):
    world.parts_down = ("neo4j",)
    screen = page("resumen", hours="168")
    figures = {each.label: each.value for each in screen.metric}
    assert figures["Declaraciones"] == "47.200"
    assert figures["Tasa de alertas"] == "0,14\u00a0%"
    assert [each.value for each in screen.error] == [r"**Neo4j**: no responde en 127\.0\.0\.1"]
    assert ("GET", "/summary", {"hours": "168"}) in world.asked
    assert {each.label: each.value for each in page("resumen", lang="en", hours="168").metric}["Declarations"] == "47,200"


def test_the_list_of_alerts_is_filtered_by_what_the_address_says(world, api):
    screen = page("alertas", severity=["high", "critical"], sort="score", puerto="cartagena", dataset="exportaciones", since="2026-01-31")
    asked = next(query for _, path, query in world.asked if path == "/alerts")
    assert asked["sort"] == "score"
    assert asked["puerto"] == "CARTAGENA"
    assert asked["dataset"] == "exportaciones"
    assert asked["since"] == "2026-01-31T05:00:00+00:00"  # midnight in Bogotá
    assert screen.multiselect[0].value == ["high", "critical"]
    screen.text_input(key="empresa").input("ABC").run()
    assert screen.query_params["empresa"] == "ABC"
    assert {query.get("empresa") for _, path, query in world.asked if path == "/alerts"} == {None, "ABC"}


@pytest.mark.parametrize(
    "address", [{"since": "ayer"}, {"min_score": "mucho"}, {"sort": "x"}, {"severity": "x"}, {"dataset": "x"}, {"status": "x"}]
)
def test_an_address_that_says_nonsense_is_an_address_without_it(address, api):
    screen = page("alertas", **address)
    assert not screen.exception
    assert "Esta parte" not in read(screen)
    assert sum(each.label == "Abrir" for each in screen.button) == 25


def test_a_tariff_code_that_is_none_is_not_asked_for(world, api):
    screen = page("alertas", subpartida="06x")
    assert "Una subpartida solo tiene dígitos" in read(screen)
    assert all("subpartida" not in query for _, _, query in world.asked)


def test_more_alerts_come_page_by_page(world, api):
    world.alerts = 620
    screen = page("alertas")
    assert sum(each.label == "Abrir" for each in screen.button) == 25
    assert sum(each.label == "Abrir" for each in press(screen, "Mostrar más").button) == 50
    screen.session_state["alerts_shown"] = 600
    screen.run()
    assert sum(each.label == "Abrir" for each in screen.button) == 600
    assert [(query["limit"], query.get("cursor")) for _, path, query in world.asked if path == "/alerts"][-2:] == [
        ("500", None),
        ("100", "500"),
    ]


def test_an_alert_opens_with_its_reasons_its_declaration_and_links(world, api):
    event = world.alert(1)["event_id"]  # of the company with the odd name
    screen = page("alertas", event_id=event)
    told = read(screen)
    assert not screen.exception
    assert [each.value for each in screen.error] == []
    assert "Una de cada 500 declaraciones normales se ve así de extraña." in told
    assert "Sería normal con **Peso neto**: 2\\.236 kg en lugar de 120,39 kg" in told
    declared = list(screen.table[0].value.iloc[:, 1])
    assert pieces.plain(ODD_NAME) in declared  # a table reads Markdown
    assert "ninguna" in declared
    assert "<b>" not in screen.title[0].value.replace("\\<b\\>", "")  # escaped, as all that a declaration holds


def test_an_alert_that_is_not_there_is_told_without_an_offer_to_try_again(api):
    screen = page("alertas", event_id="00000000-0000-0000-0000-000000000000")
    assert "No encontrado" in read(screen)
    assert [each.label for each in screen.button] == ["Volver a la lista"]


def test_confirming_an_alert_stores_who_and_why_and_shows_the_status(world, api):
    screen = page("alertas", event_id=world.alert(0)["event_id"])
    press(screen, "Confirmar la anomalía")
    assert "Indique quién es" in read(screen)
    assert world.feedback == []
    screen.text_input[0].input("ana")
    screen.text_input[1].input("Peso *imposible*")
    press(screen, "Confirmar la anomalía")
    (said,) = world.feedback
    assert (said["verdict"], said["who"], said["note"]) == ("confirmed", "ana", "Peso *imposible*")
    told = read(screen)
    assert "Confirmada" in told
    assert "Peso \\*imposible\\*" in told


def test_without_the_role_to_judge_an_analyst_reads_which_one_is_needed(world, api):
    world.role, world.name = "read", "eva"
    screen = press(page("alertas", event_id=world.alert(0)["event_id"]), "Descartar")
    assert "Su clave es para read y esto necesita analyst." in read(screen)
    assert world.feedback == []


def test_the_language_is_switched_and_stays_on_the_next_page(api):
    screen = page("resumen")
    screen.radio[0].set_value("en").run()
    assert screen.title[0].value == "Overview"
    screen.switch_page("views/alertas.py").run()
    assert screen.title[0].value == "Alerts"
    screen.radio[0].set_value("es").run()
    assert screen.title[0].value == "Alertas"
    assert "lang" not in screen.query_params


def test_errors_are_never_kept(world, api):
    world.broken = {"/parts": (503, "busy", "No disponible ahora", "hay mucho por hacer")}
    assert "Hay mucho por hacer." in read(page("resumen"))
    world.broken = {}
    assert "Todo responde." in read(page("resumen"))


def test_a_key_travels_in_the_header_and_is_never_shown(world, monkeypatch, api):
    monkeypatch.setenv("UI_API_KEY", "clave-0123456789")
    reading.settings.cache_clear()
    reading._api.cache_clear()
    assert "clave-0123456789" not in read(page("resumen"))
    assert world.keys == {"clave-0123456789"}
    assert "clave-0123456789" not in repr(reading.settings())

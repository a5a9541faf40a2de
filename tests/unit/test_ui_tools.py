"""What analysts try, look up and start on the screen: declarations, explanations, the graph and retrainings."""

import pytest
import streamlit as st

from tests.fake_world import ODD_NAME
from tests.screen import page, press, read


def test_a_declaration_that_is_typed_in_gets_its_verdict(world, api):
    screen = page("probar")
    press(screen, "Evaluar")
    assert "Normal" in read(screen)  # of ABC, which the form begins with
    screen.text_input(key="exportaciones-empresa").input("OTRA")
    press(screen, "Evaluar")
    told = read(screen)
    assert "Una de cada 5.100 declaraciones normales se ve así de extraña." in told
    assert "Sería normal con" in told


def test_what_is_no_declaration_is_told_in_the_words_of_the_api(api):
    screen = page("probar")
    screen.text_input(key="exportaciones-subpartida").input("flores")
    assert "Subpartida: debe tener de 6 a 10 dígitos." in read(press(screen, "Evaluar"))


@pytest.mark.parametrize(
    ("text", "told"), [("{empresa: 1}", "Esto no es JSON"), ("[1]", "Indique una declaración"), ("9" * 5000, "Esto no es JSON")]
)
def test_json_that_is_none_is_told_before_it_is_sent(text, told, world, api):
    screen = page("probar")
    screen.text_area[0].input(text)
    next(each for each in screen.button if each.form_id.startswith("paste")).click().run()
    assert not screen.exception
    assert told in read(screen)
    assert all(path != "/explain" for _, path, _ in world.asked)


def test_a_table_is_scored_with_its_rejected_rows(api):
    screen = page("probar")
    screen.file_uploader[0].upload("t.csv", b"empresa,subpartida,puerto\nA,1,B\nA,1,B\nmalo,1,B\n", "text/csv").run()
    assert {each.label: each.value for each in screen.metric} == {
        "Declaraciones evaluadas": "2",
        "Anomalías": "1",
        "Filas que no son declaraciones": "1",
    }
    assert "subpartida: faltan dígitos" in screen.dataframe[0].value.to_csv()


def test_one_alert_is_explained_on_the_page_of_interpretability(world, api):
    event = world.alert(1)["event_id"]
    screen = page("interpretabilidad", event_id=event, dataset="exportaciones")
    assert [each.value for each in screen.error] == []
    assert any(ODD_NAME in option for option in screen.selectbox[-1].options)
    assert screen.selectbox[-1].value == event
    assert ("GET", f"/alerts/{event}/explanation", {}) in world.asked


def test_the_graph_is_asked_as_the_address_says(world, api):
    screen = page("grafo", kind="puerto", name="cartagena", depth="2", limit="50", since="2026-01-01")
    assert ("GET", "/graph/puerto/CARTAGENA", {"depth": "2", "limit": "50", "since": "2026-01-01"}) in world.asked
    assert "Hay más" in read(screen)
    page("grafo")
    strangest = max(world.listed(), key=lambda each: each["score"])
    assert world.asked[-1][1] == f"/graph/empresa/{strangest['empresa']}"


def test_what_the_graph_does_not_know_is_told(api):
    assert "El grafo no conoce empresa NADIE." in read(page("grafo", kind="empresa", name="NADIE"))


def test_the_gate_and_the_watch_speak_spanish(world, api):
    told = read(page("modelos", dataset="exportaciones"))
    assert "precisión media: 0,891 → 0,972" in told.replace("\\", "")
    assert "El comercio cambió" in told
    for word in ("average precision", "untouched", "unknown ", "as usual"):
        assert word not in told
    world.drifted = False
    st.cache_data.clear()
    assert "Como de costumbre" in read(page("modelos"))


def test_a_retraining_is_started_only_when_it_is_confirmed_and_followed_to_its_end(world, api):
    screen = press(page("modelos"), "Iniciar un reentrenamiento")
    assert world.retrained == 0
    press(screen, "Sí, iniciarlo")
    assert world.retrained == 1
    assert screen.query_params["run"]
    for _ in range(5):
        screen.run()
    (status,) = screen.status
    assert status.state == "complete"
    assert "terminado (Promoted)" in status.label


def test_without_the_role_to_retrain_nothing_is_started(world, api):
    world.role, world.name = "analyst", "ana"
    screen = press(press(page("modelos"), "Iniciar un reentrenamiento"), "Sí, iniciarlo")
    assert world.retrained == 0
    assert "esto necesita admin" in read(screen)

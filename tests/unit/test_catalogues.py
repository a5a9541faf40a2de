"""Every message has its Spanish, and no catalogue holds what nobody says."""

import re

import pytest

from adapters.catalogue import preferred, translations
from schemas import datasets
from tests.catalogues import said, translated


@pytest.mark.parametrize("package", ["api", "ui"])
def test_the_spanish_catalogue_has_what_the_code_says_and_nothing_else(package):
    messages, catalogue = said(package), translated(package, "es")
    assert len(messages) > 40
    assert messages - set(catalogue) == set()
    assert set(catalogue) - messages == set()
    assert [message.id for message in catalogue.values() if not message.string or message.fuzzy] == []


@pytest.mark.parametrize(("package", "language"), [("api", "es"), ("ui", "es"), ("ui", "en")])
def test_a_translation_has_the_places_of_its_message(package, language):
    for message in translated(package, language).values():
        assert sorted(re.findall(r"%\((\w+)\)s", str(message.id))) == sorted(re.findall(r"%\((\w+)\)s", str(message.string))), message.id


def test_the_titles_of_datasets_and_fields_have_their_english():
    titles = {title for spec in datasets.load_all() for title in (spec.title, *(field.title for field in spec.fields))}
    assert titles == set(translated("ui", "en"))


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "es"),
        ("", "es"),
        ("en", "en"),
        ("en-GB,en;q=0.8", "en"),
        ("fr, en;q=0.5", "en"),
        ("es-CO, en;q=0.9", "es"),
        ("de", "es"),
        ("en;q=x", "es"),
    ],
)
def test_the_callers_language_is_chosen_as_it_asks(header, language):
    assert preferred(header) == language


def test_a_message_is_said_in_spanish_and_stays_as_it_is_in_english():
    assert translations("ui", "es").gettext("Alerts") == "Alertas"
    assert translations("ui", "en").gettext("Alerts") == "Alerts"

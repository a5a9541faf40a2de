"""The tariff that comes with the package."""

from graph import tariff


def test_it_has_every_chapter_and_heading_with_a_description():
    chapters = tariff.load().chapters()
    headings = [heading for chapter in chapters for heading in chapter["partidas"]]
    assert len(chapters) == 97
    assert len(headings) == 1229
    assert all(row["descripcion"] for row in [*chapters, *headings])
    assert {chapter["seccion"] for chapter in chapters} >= {"I", "XXI"}


def test_a_national_code_is_described_by_its_six_international_digits():
    found = tariff.load()
    assert found.describe("0901119000") == found.describe("090111") == "Coffee; not roasted or decaffeinated"


def test_a_code_that_it_does_not_have_has_no_description():
    assert tariff.load().describe("7700000000") is None

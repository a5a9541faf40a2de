"""The investigator's questions, before any server is asked."""

import re

import pytest

from core.errors import ConfigurationError
from graph import questions


@pytest.mark.parametrize("question", questions.load_all().values(), ids=lambda question: question.name)
def test_the_header_declares_exactly_the_parameters_that_the_query_uses(question):
    body = "\n".join(line for line in question.cypher.splitlines() if not line.startswith("//"))
    assert {parameter.name for parameter in question.parameters} == set(re.findall(r"\$(\w+)", body))


@pytest.mark.parametrize("question", questions.load_all().values(), ids=lambda question: question.name)
def test_it_asks_something(question):
    assert question.description.startswith("¿")
    assert question.description.endswith("?")


def test_a_header_without_a_title_is_refused():
    with pytest.raises(ValueError, match="título"):
        questions.parse("x", "// pregunta: ¿qué?\nRETURN 1")


def test_a_code_keeps_its_leading_zero_and_a_number_becomes_one():
    question = questions.parse(
        "x", "// título: t\n// pregunta: ¿p?\n// parámetro codigo: c\n// parámetro limite = 5: n\nRETURN $codigo, $limite"
    )
    code, limit = question.parameters
    assert code.value("0901") == "0901"
    assert limit.value("7") == 7
    assert limit.value(None) == 5
    with pytest.raises(ConfigurationError, match="limite"):
        limit.value("siete")
    with pytest.raises(ConfigurationError, match="codigo"):
        code.value(None)

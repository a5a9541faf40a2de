"""The investigator's questions: each file of `ask/` is one, its header saying in Spanish what it asks and with what.

A header line is `// título:`, `// pregunta:` or `// parámetro NAME [= DEFAULT]:`; a parameter whose default is a number
takes numbers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import neo4j
import neo4j.time
from neo4j.exceptions import ClientError

from core.errors import ConfigurationError

HEADER = re.compile(r"// (?P<what>título|pregunta|parámetro)(?: (?P<name>\w+)(?: = (?P<default>.+?))?)?: (?P<text>.+)")

DATA_EXCEPTION = "22"
"""The class of GQL states that say: the query is right, a value in it is not."""

Value = str | int | float


@dataclass(frozen=True)
class Parameter:
    """What a question needs to know; without a default it must be given."""

    name: str
    default: Value | None
    description: str

    def value(self, given: str | None) -> Value:
        """The given text as this parameter's value; raises ConfigurationError saying what to give."""
        if given is None:
            if self.default is None:
                raise ConfigurationError(f"falta el parámetro {self.name} ({self.description}): añada --param {self.name}=…")
            return self.default
        if isinstance(self.default, str) or self.default is None:
            return given
        value = _literal(given)
        if isinstance(value, str):
            raise ConfigurationError(f"el parámetro {self.name} ({self.description}) es un número, no {given!r}")
        return value


@dataclass(frozen=True)
class Question:
    """One question, its parameters and its Cypher."""

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    cypher: str


@cache
def load_all() -> dict[str, Question]:
    """Every question by its name, in order of names."""
    folder = files("graph") / "ask"
    texts = {entry.name.removesuffix(".cypher"): entry.read_text("utf-8") for entry in folder.iterdir() if entry.name.endswith(".cypher")}
    return {name: parse(name, texts[name]) for name in sorted(texts)}


def parse(name: str, text: str) -> Question:
    """The question in a file's text; raises ValueError when its header lacks a title or a description."""
    said: dict[str, str] = {}
    parameters = []
    for match in filter(None, map(HEADER.fullmatch, text.splitlines())):
        if match["what"] == "parámetro":
            default = None if match["default"] is None else _literal(match["default"])
            parameters.append(Parameter(match["name"], default, match["text"]))
        else:
            said[match["what"]] = match["text"]
    if said.keys() != {"título", "pregunta"}:
        raise ValueError(f"ask/{name}.cypher: its header must have `// título: …` and `// pregunta: …`")
    return Question(name, said["título"], said["pregunta"], tuple(parameters), text)


def ask(driver: neo4j.Driver, name: str, given: Mapping[str, str]) -> tuple[list[str], list[list[object]]]:
    """The answer's column names and rows. Reads only. Raises ConfigurationError for an unknown question or parameter."""
    question = load_all().get(name)
    if question is None:
        raise ConfigurationError(f"no hay una pregunta {name!r}: las que hay son {', '.join(load_all())}")
    known = [parameter.name for parameter in question.parameters]
    if unknown := sorted(set(given) - set(known)):
        raise ConfigurationError(f"{name} no tiene el parámetro {', '.join(unknown)}: los que tiene son {', '.join(known) or 'ninguno'}")
    values = {parameter.name: parameter.value(given.get(parameter.name)) for parameter in question.parameters}
    with driver.session(default_access_mode=neo4j.READ_ACCESS) as session:
        try:
            result = session.run(neo4j.Query(question.cypher), values)
            return list(result.keys()), [list(map(_plain, record.values())) for record in result]
        except ClientError as error:
            if not error.gql_status.startswith(DATA_EXCEPTION):
                raise
            raise ConfigurationError(f"{name} no puede responder con esos parámetros: {error.message}") from error


def _plain(value: object) -> object:
    return value.to_native() if isinstance(value, neo4j.time.Date | neo4j.time.DateTime) else value


def _literal(text: str) -> Value:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text

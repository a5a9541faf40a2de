"""The tariff: chapters (2 digits), headings (4) and subheadings (6) of the Harmonized System, with their descriptions."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

EDITION = "HS2022"


@dataclass(frozen=True)
class Tariff:
    """Descriptions by code. National codes of 7 to 10 digits begin with the six that are described here."""

    descriptions: dict[str, str]
    sections: dict[str, str]

    def describe(self, codigo: str) -> str | None:
        """The description of a code's six international digits; None when the tariff does not have them."""
        return self.descriptions.get(codigo[:6])

    def chapters(self) -> list[dict[str, object]]:
        """Every chapter with its section and its headings, ready for `write/tariff.cypher`."""
        headings: dict[str, list[dict[str, str]]] = {chapter: [] for chapter in self.sections}
        for code, description in self.descriptions.items():
            if len(code) == 4:
                headings[code[:2]].append({"codigo": code, "descripcion": description})
        return [
            {"codigo": chapter, "descripcion": self.descriptions[chapter], "seccion": section, "partidas": headings[chapter]}
            for chapter, section in self.sections.items()
        ]


@cache
def load() -> Tariff:
    """The tariff that comes with the package; read once, in some ten milliseconds."""
    descriptions: dict[str, str] = {}
    sections: dict[str, str] = {}
    text = (files("graph") / "data" / "hs2022.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        descriptions[row["codigo"]] = row["descripcion"]
        if row["seccion"]:
            sections[row["codigo"]] = row["seccion"]
    return Tariff(descriptions, sections)

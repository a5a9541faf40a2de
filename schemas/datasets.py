"""Dataset specifications: which fields a dataset has, of what kind, in which unit."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

Kind = Literal["key", "entity", "tariff", "place", "country", "category", "text", "amount", "percent", "date"]

CORE_FIELDS = ("declaration_id", "empresa", "subpartida", "puerto")
"""The fields that every declaration of every dataset must have."""


class UnknownDataset(LookupError):
    """No dataset has that name; the message lists those there are."""


@dataclass(frozen=True)
class FieldSpec:
    """One field of a declaration. `unit` is None for everything that is not measured in one."""

    name: str
    kind: Kind
    title: str
    unit: str | None = None
    required: bool = False
    modelled: bool = False

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.kind in ("amount", "percent")


@dataclass(frozen=True)
class DatasetSpec:
    """One dataset: the topic its declarations arrive on, the model that scores them, and its fields."""

    name: str
    title: str
    topic: str
    model: str
    fields: tuple[FieldSpec, ...]

    @property
    def modelled(self) -> tuple[FieldSpec, ...]:
        """The fields that the autoencoder reads and explains."""
        return tuple(field for field in self.fields if field.modelled)

    @classmethod
    def from_toml(cls, text: str) -> "DatasetSpec":
        """Reads a specification; raises ValueError naming what is wrong with it."""
        return cls.from_dict(tomllib.loads(text))

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> "DatasetSpec":
        """The inverse of `to_dict`; raises ValueError naming what is wrong."""
        name = document.get("name", "?")
        fields = []
        for field_name, given in document.get("fields", {}).items():
            if given.get("kind") not in get_args(Kind):
                raise ValueError(
                    f"dataset {name}: field {field_name} has kind {given.get('kind')!r}, not one of {', '.join(get_args(Kind))}"
                )
            try:
                fields.append(FieldSpec(name=field_name, **given))
            except TypeError as error:
                raise ValueError(f"dataset {name}: field {field_name}: {error}") from None
        required = tuple(field.name for field in fields if field.required)
        if required != CORE_FIELDS:
            raise ValueError(
                f"dataset {name}: the required fields must be {', '.join(CORE_FIELDS)}, in this order, not {', '.join(required) or 'none'}"
            )
        try:
            return cls(**{**document, "fields": tuple(fields)})
        except TypeError as error:
            raise ValueError(f"dataset {name}: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in the TOML file: what a model bundle carries."""
        fields = {}
        for field in self.fields:
            given = {key: value for key, value in vars(field).items() if key != "name" and value not in (None, False)}
            fields[field.name] = given
        return {"name": self.name, "title": self.title, "topic": self.topic, "model": self.model, "fields": fields}


@cache
def names() -> tuple[str, ...]:
    """The datasets that there are, sorted."""
    folder = files("schemas") / "datasets"
    return tuple(sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".toml")))


@cache
def load(name: str) -> DatasetSpec:
    """The specification of one dataset; raises UnknownDataset."""
    if name not in names():
        raise UnknownDataset(f"there is no dataset {name!r}: the datasets are {', '.join(names())}")
    return DatasetSpec.from_toml((files("schemas") / "datasets" / f"{name}.toml").read_text("utf-8"))


def known(names: tuple[str, ...]) -> tuple[str, ...]:
    """The same names, as a setting has them; raises ValueError for the first that no dataset has."""
    for name in names:
        try:
            load(name)
        except UnknownDataset as error:
            raise ValueError(str(error)) from None
    return names


def load_all() -> tuple[DatasetSpec, ...]:
    """Every dataset's specification."""
    return tuple(load(name) for name in names())

"""The Cypher that lies beside this module in files, one statement each."""

from functools import cache
from importlib.resources import files


@cache
def write(name: str) -> str:
    """The text of `write/<name>.cypher`."""
    return (files("graph") / "write" / f"{name}.cypher").read_text("utf-8")


@cache
def constraints() -> tuple[str, ...]:
    """The statements of `constraints.cypher`, in order."""
    lines = (files("graph") / "constraints.cypher").read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("//"))
    return tuple(statement.strip() for statement in text.split(";") if statement.strip())


@cache
def read(name: str) -> str:
    """The text of `read/<name>.cypher`."""
    return (files("graph") / "read" / f"{name}.cypher").read_text("utf-8")

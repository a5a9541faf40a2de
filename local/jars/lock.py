"""Which jars a server needs: the coordinates we ask for, and the lock files that pin what they resolve to.

`python -m local.jars.lock` resolves the coordinates anew and rewrites the lock files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

ROOTS = {
    "kafka": ("org.apache.kafka:kafka_2.13:4.4.0", "org.slf4j:slf4j-simple:2.0.17"),
    "jmx": ("io.prometheus.jmx:jmx_prometheus_javaagent:1.0.1",),
    "neo4j": ("org.neo4j:neo4j:2026.08.1", "org.neo4j.client:neo4j-browser:5.24.0"),
}
"""For each server, and for what Kafka is watched with, the Maven coordinates that pull in everything else it needs."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar: its coordinate (`group:artifact:version`, with a classifier where it has one), digest and bytes."""

    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """The jar's name in a folder of jars; the group keeps two artifacts of one name apart."""
        tail = f"-{self.classifier}" if self.classifier else ""
        return f"{self.group}.{self.artifact}-{self.version}{tail}.jar"

    def to_line(self) -> str:
        """This jar as a line of a lock file."""
        tail = f":{self.classifier}" if self.classifier else ""
        return f"{self.group}:{self.artifact}:{self.version}{tail} {self.sha256} {self.size}"


def needed(parts: Collection[str], *, monitored: bool) -> list[str]:
    """The keys of ROOTS that these parts of a stack need; `jmx` tells Prometheus what Kafka does."""
    return [server for server in ROOTS if server in parts or (server == "jmx" and monitored and "kafka" in parts)]


def parse(text: str) -> tuple[Jar, ...]:
    """Read a lock file; raises ValueError with the line that is not `coordinate sha256 size`."""
    jars = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        try:
            coordinate, sha256, size = line.split()
            group, artifact, version, *classifier = coordinate.split(":")
            jars.append(Jar(group, artifact, version, "".join(classifier), sha256, int(size)))
        except ValueError:
            raise ValueError(f"not a line of a jar lock file: {line!r}") from None
    return tuple(jars)


def load(server: str) -> tuple[Jar, ...]:
    """The pinned jars of `server`, a key of ROOTS."""
    return parse(path(server).read_text(encoding="utf-8"))


def path(server: str) -> Path:
    """Where the lock file of `server` lies."""
    return Path(__file__).with_name(f"{server}.lock")


def digest(jars: tuple[Jar, ...]) -> str:
    """Twelve hex digits that change with any jar of the set."""
    return hashlib.sha256("\n".join(jar.to_line() for jar in jars).encode()).hexdigest()[:12]


def resolve(server: str, repository: Path) -> tuple[Jar, ...]:
    """Resolve the coordinates of `server` over the network and measure every jar."""
    from jgo.maven import MavenContext
    from jgo.parse import Endpoint

    context = MavenContext(repo_cache=repository)
    asked = [context.create_dependency(c) for c in Endpoint.parse("+".join(ROOTS[server])).coordinates]
    for dependency in asked:
        dependency.scope = dependency.scope or "compile"
    roots, others = context.resolver.resolve(asked)
    artifacts = {d.artifact.key: d.artifact for d in [*roots, *others] if d.scope in ("compile", "runtime")}
    jars = []
    for artifact in artifacts.values():
        content = artifact.resolve().read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        jars.append(Jar(artifact.groupId, artifact.artifactId, artifact.version, artifact.classifier, sha256, len(content)))
    return tuple(sorted(jars, key=Jar.to_line))


def main() -> None:
    """Rewrite every lock file."""
    from local.jars.fetch import cache_directory

    for server, roots in ROOTS.items():
        jars = resolve(server, cache_directory() / "maven")
        header = f"# {' '.join(roots)}\n# Written by `python -m local.jars.lock`: coordinate sha256 bytes\n"
        path(server).write_text(header + "".join(jar.to_line() + "\n" for jar in jars), encoding="utf-8")
        print(f"{server}: {len(jars)} jars, {sum(jar.size for jar in jars) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()

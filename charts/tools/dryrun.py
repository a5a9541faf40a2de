"""Asks a real API server whether it would take every object: `python charts/tools/dryrun.py BIN FILE…`.

Starts etcd and Kubernetes' API server on loopback, in a folder of their own and for as long as this takes, with the definitions of other
people's objects and Pod Security "restricted" enforced in the namespace, and applies each object as Argo CD would, server-side and dry. The
pods of workloads are asked for one by one, because Pod Security refuses pods and only warns of what makes them.
"""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from policy import Pod, pods_of

from schemas import definitions, strimzi

TOKEN = "dry-run"  # noqa: S105  # of a server that lives for a minute, on loopback
PATIENCE = 120.0
NAMESPACES = {"mlops": "restricted", "argocd": "privileged"}
"""The namespaces that objects go to, with what Pod Security enforces there."""


class Server:
    """The API server, asked in its own language."""

    def __init__(self, port: int) -> None:
        self._base = f"https://127.0.0.1:{port}"
        self._context = ssl._create_unverified_context()  # noqa: S323  # its certificate was made a moment ago, by itself
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, Any, str]:
        """The status, the answer and what was warned of."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind, "Accept": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._base}{path}", content, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._context) as answer:  # noqa: S310
                text, warned, status = answer.read(), answer.headers.get("Warning", ""), answer.status
        except urllib.error.HTTPError as error:
            text, warned, status = error.read(), "", error.code
        return status, json.loads(text) if text[:1] == b"{" else text.decode(), warned

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def path(self, each: dict[str, Any]) -> str | None:
        """Where an object of this kind belongs; None for a kind that the server does not know."""
        version, kind = each["apiVersion"], each["kind"]
        if (version, kind) not in self._kinds:
            found = self.ask("GET", f"/{'apis' if '/' in version else 'api'}/{version}")[1]
            for known in found.get("resources", ()) if isinstance(found, dict) else ():
                if "/" not in known["name"]:
                    self._kinds[version, known["kind"]] = (known["name"], known["namespaced"])
        if (version, kind) not in self._kinds:
            return None
        plural, namespaced = self._kinds[version, kind]
        within = f"/namespaces/{each['metadata']['namespace']}" if namespaced else ""
        return f"/{'apis' if '/' in version else 'api'}/{version}{within}/{plural}"

    def apply(self, each: dict[str, Any], *, dry: bool) -> tuple[str | None, str]:
        """Why it would not be taken, or None; and what was warned of."""
        if (path := self.path(each)) is None:
            return f"the server knows no {each['apiVersion']} {each['kind']}", ""
        asked = f"{path}/{each['metadata']['name']}?fieldManager=vigia&fieldValidation=Strict&force=true{'&dryRun=All' if dry else ''}"
        status, answer, warned = self.ask("PATCH", asked, each, "application/apply-patch+yaml")
        return (None if status < 300 else answer.get("message", str(answer)) if isinstance(answer, dict) else answer), warned


@contextmanager
def process(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that ends with the block."""
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        running = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def free() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(programs: Path, folder: Path) -> Iterator[Server]:
    """A server with nothing in it."""
    client, peer, port = free(), free(), free()
    (folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n", "utf-8")
    key = folder / "accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    etcd = [str(programs / "server"), f"--data-dir={folder / 'etcd'}", f"--listen-client-urls=http://127.0.0.1:{client}"]
    etcd += [f"--advertise-client-urls=http://127.0.0.1:{client}", f"--listen-peer-urls=http://127.0.0.1:{peer}", "--log-level=error"]
    etcd += [f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}", f"--initial-cluster=default=http://127.0.0.1:{peer}"]
    api = [str(programs / "apiserver"), f"--etcd-servers=http://127.0.0.1:{client}", f"--secure-port={port}", "--bind-address=127.0.0.1"]
    api += [f"--token-auth-file={folder / 'tokens.csv'}", f"--cert-dir={folder / 'certificates'}", "--authorization-mode=RBAC"]
    api += ["--service-account-issuer=https://127.0.0.1", f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}"]
    api += ["--disable-admission-plugins=ServiceAccount"]  # which waits for a controller that is not here
    with ExitStack() as stack:
        stack.enter_context(process(etcd, folder))
        running = stack.enter_context(process(api, folder))
        server, deadline = Server(port), time.monotonic() + PATIENCE
        while not server.ready():
            if running.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the API server did not start: {(folder / 'apiserver.log').read_text('utf-8', 'replace')[-2_000:]}")
            time.sleep(0.5)
        yield server


def prepare(server: Server, cache: Path) -> None:
    """The namespaces, and everybody else's kinds."""
    for name, level in NAMESPACES.items():
        labels = {"pod-security.kubernetes.io/enforce": level}
        refused, _ = server.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}, dry=False)
        if refused:
            raise SystemExit(f"the namespace {name} was refused: {refused}")
    made = []
    for definition in (*definitions(), *strimzi(cache)):
        refused, _ = server.apply(definition, dry=False)
        if refused:
            raise SystemExit(f"the definition {definition['metadata']['name']} was refused: {refused}")
        made += [(definition["spec"], version["name"]) for version in definition["spec"]["versions"] if version["served"]]
    deadline = time.monotonic() + PATIENCE
    for spec, version in made:
        while not isinstance(server.ask("GET", f"/apis/{spec['group']}/{version}")[1], dict) and time.monotonic() < deadline:
            time.sleep(0.2)
    time.sleep(2)  # a definition is established a moment before its kind is served


def alone(pod: Pod) -> dict[str, Any]:
    """The pod as its workload would make it, with the volumes that a StatefulSet claims for it."""
    volumes = pod.spec.get("volumes", [])
    mounted = {mount["name"] for container in pod.containers for mount in container.get("volumeMounts", ())}
    claimed = sorted(mounted - {volume["name"] for volume in volumes})
    spec = {**pod.spec, "volumes": [*volumes, *({"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claimed)]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod.name, "namespace": "mlops", "labels": pod.labels}, "spec": spec}


def main(programs: Path, files: list[Path]) -> int:
    """Exit code 1 where an object would be refused or warned of."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder, serving(programs, Path(folder)) as server:
        prepare(server, Path(__file__).parent / ".cache" / "maven")
        for file in files:
            objects = [each for each in yaml.safe_load_all(file.read_text("utf-8")) if each]
            pods = [alone(pod) for pod in pods_of(objects)]
            found = []
            for each in (*objects, *pods):
                refused, warned = server.apply(each, dry=True)
                found += [f"{each['kind']} {each['metadata']['name']}: {said}" for said in (refused, warned) if said]
            print(f"{file.stem}: {len(objects)} objects and {len(pods)} pods asked for, {len(found)} refused or warned of")
            print("".join(f"  {line}\n" for line in found), end="")
            failed += len(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), [Path(name) for name in sys.argv[2:]]))

"""What docker-compose.yml says, run as processes of this machine: each service's own command, in an environment that has what its image
has and nothing more, with its variables. Only where things are is changed: names of hosts, ports, and folders of a container."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import yaml

from local.client import end
from local.part import bound

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")


def interpolated(value: Any, given: Mapping[str, str]) -> Any:
    """The value with its variables filled in, as compose does it."""
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: given.get(found["name"]) or found["default"] or "", value).replace("$$", "$")
    if isinstance(value, list):
        return [interpolated(each, given) for each in value]
    if isinstance(value, dict):
        return {name: interpolated(each, given) for name, each in value.items()}
    return value


def told(given: Mapping[str, str]) -> dict[str, Any]:
    """All that the file says."""
    found: dict[str, Any] = interpolated(yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8")), given)
    return found


def services(given: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The services by name."""
    found: dict[str, dict[str, Any]] = told(given)["services"]
    return found


def stage_of(service: Mapping[str, Any]) -> str | None:
    """The stage of the Dockerfile that a service of ours runs; None for somebody else's image."""
    found = re.search(r"/vigia-(\w+):", service["image"])
    return found and found[1]


def dockerfile() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage, those that it builds on included."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text("utf-8"))
    stages: dict[str, list[tuple[str, str]]] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            stages[name] = [*stages.get(base, [])]
        elif stages:
            stages[name].append((instruction, rest))
    return stages


class Images:
    """The images' environments, made as the Dockerfile makes them, each when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stages = folder, dockerfile()
        self._made: dict[str, Path] = {}

    @cached_property
    def code(self) -> Path:
        """Where the code is installed."""
        wheels, code = self._folder / "wheels", self._folder / "code"
        self._run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, ROOT)
        self._run(UV, "pip", "install", "--python", sys.executable, "--no-deps", "--no-index", "--target", code, *wheels.glob("*.whl"))
        return code

    def bin(self, target: str) -> Path:
        """The folder of the programs that a target has."""
        if target not in self._made:
            home = self._made[target] = self._folder / target
            self._run(UV, "venv", "--python", sys.executable, home)
            (lock,) = re.findall(r"-r (requirements/\w+\.txt)", self._stages[f"{target}-packages"][-1][1])
            python = home / "bin" / "python"
            self._run(UV, "pip", "install", "--python", python, "--no-deps", "--require-hashes", "-r", ROOT / lock)
            site = subprocess.run(
                [python, "-c", "import site; print(site.getsitepackages()[0])"], capture_output=True, text=True, check=True
            )
            (Path(site.stdout.strip()) / "code.pth").write_text(str(self.code))
            script = home / "bin" / "vigia"
            script.write_text(f"#!{python}\n" + (self.code / "bin" / "vigia").read_text("utf-8").partition("\n")[2])
            script.chmod(0o755)
        return self._made[target] / "bin"

    def environment(self, target: str) -> dict[str, str]:
        """The variables that a target sets."""
        pairs = (rest.split() for instruction, rest in self._stages[target] if instruction == "ENV")
        return {name: value for line in pairs for name, _, value in (pair.partition("=") for pair in line) if name not in ("PATH", "HOME")}

    def copied(self, target: str, into: Path) -> None:
        """Lays down what a target copies into its working directory."""
        into.mkdir(parents=True)
        for instruction, rest in self._stages[target]:
            if instruction == "COPY" and not rest.startswith("--"):
                *sources, to = rest.split()
                for source in sources:
                    if (ROOT / source).is_dir():
                        shutil.copytree(ROOT / source, into / to, ignore=shutil.ignore_patterns("__pycache__"))
                    else:
                        shutil.copy(ROOT / source, into / to)

    def _run(self, *command: object) -> None:
        environment = {**os.environ, "UV_NO_CONFIG": "1"}
        done = subprocess.run([str(each) for each in command], cwd=self._folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@dataclass
class Composed:
    """The services that are processes. `places` has, for each `host:port` of compose's network, where that is here."""

    folder: Path
    images: Images
    places: dict[str, str]
    services: dict[str, dict[str, Any]]
    ports: dict[str, int]
    """By service, the port that its container listens on, and `own` has the one that it gets here."""
    own: dict[str, int]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def here(self, name: str, text: str) -> str:
        """A text of a service with this machine's places in it."""
        for there, place in self.places.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(there)}\b", place, text)
        if name in self.ports:
            text = re.sub(rf"(127\.0\.0\.1:|^){self.ports[name]}\b", rf"\g<1>{self.own[name]}", text)
        home = str(self.folder / name)
        return re.sub(r"(?<![\w/])/(?=app\b|tmp\b|var/lib/vigia\b)", f"{home}/", text)

    def image(self, name: str) -> str:
        """The stage of the Dockerfile that a service runs."""
        found = stage_of(self.services[name])
        assert found, f"{name} runs somebody else's image"
        return found

    def environment(self, name: str) -> dict[str, str]:
        """The variables of a service: its image's, then its own; and of this machine no more than a process needs."""
        image = self.image(name)
        given = {**self.images.environment(image), **{key: str(each) for key, each in self.services[name].get("environment", {}).items()}}
        found = {key: self.here(name, each) for key, each in given.items()}
        machine = {key: each for key, each in os.environ.items() if key in ("LANG", "SSL_CERT_FILE", "TZ")}
        return {**machine, "PATH": f"{self.images.bin(image)}:/usr/bin:/bin", "HOME": str(self.folder / name / "tmp"), **found}

    def start(self, name: str) -> None:
        """Starts the service's command, in its working directory."""
        service, home = self.services[name], self.folder / name
        image = self.image(name)
        self.images.copied(image, home / "app")
        for folder in ("tmp", "var/lib/vigia"):
            (home / folder).mkdir(parents=True)
        program, *arguments = (self.here(name, each) for each in service["command"])
        command = [str(self.images.bin(image) / program), *arguments]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                bound(command), cwd=home / "app", env=self.environment(name), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def unhealthy(self, name: str) -> str | None:
        """None when the service's own health check is content; otherwise what it said. A service that has ended failed."""
        if self.running[name].poll() is not None:
            return f"it ended with {self.running[name].returncode}: {self.log(name)}"
        _, program, *arguments = self.services[name]["healthcheck"]["test"]
        command = [str(self.images.bin(self.image(name)) / program), *(self.here(name, each) for each in arguments)]
        done = subprocess.run(command, env=self.environment(name), capture_output=True, text=True, timeout=30)
        return None if done.returncode == 0 else f"{done.stderr[-300:]} {self.log(name)}"

    def bring_up(self, name: str, patience: float) -> None:
        """Starts a service and waits until it is healthy; one without a health check until it has ended well."""
        self.start(name)
        deadline = time.monotonic() + patience
        if "healthcheck" not in self.services[name]:
            code = self.running[name].wait(patience)
            assert code == 0, f"{name} ended with {code}: {self.log(name)}"
            return
        while problem := self.unhealthy(name):
            assert self.running[name].poll() is None, f"{name}: {problem}"
            assert time.monotonic() < deadline, f"{name} is not healthy after {patience:g} s: {problem}"
            time.sleep(0.5)

    def log(self, name: str) -> str:
        """The end of what a service wrote."""
        return (self.folder / f"{name}.log").read_text("utf-8", "replace")[-2_000:]

    def stop(self, name: str) -> int:
        """Stops a service as Docker does, and returns how it ended."""
        process = self.running[name]
        process.terminate()
        return process.wait(90)


@contextmanager
def left_running_by(composed: Composed) -> Iterator[None]:
    """Ends what is still running, by its id, whatever happened."""
    try:
        yield
    finally:
        running = [psutil.Process(process.pid) for process in composed.running.values() if process.poll() is None]
        # With their children: Prefect's server has one, and each flow run is one, with a process group of its own.
        end([(each, signal.SIGKILL) for process in running for each in (process, *process.children(recursive=True))])
        for process in composed.running.values():
            process.wait(30)

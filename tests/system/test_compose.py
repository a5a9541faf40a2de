"""docker-compose.yml without Docker: every service of ours is started by its own command, with what its image has, and does its work."""

import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from moto.server import ThreadedMotoServer

from local.jars import lock
from local.ports import free_ports
from tests.compose import ROOT, Composed, Images, dockerfile, left_running_by, services, stage_of, told
from tests.stack import running, settings
from tests.workers import until

GIVEN = {"SOURCE_API_ROWS": "3000"}
PORTS = {
    "score": 6066,
    "graph": 6066,
    "archive": 6066,
    "api": 8000,
    "ui": 8501,
    "flows": 6069,
    "prefect": 4200,
    "mlflow": 5000,
    "source": 8010,
}
PORT_VARIABLES = {"api": "API_PORT", "ui": "UI_PORT", "flows": "METRICS_PORT", "source": "SOURCE_API_PORT"}
ORDER = ("buckets", "mlflow", "prefect", "deployments", "source", "flows", "models", "score", "graph", "archive", "api", "ui")


def test_what_is_in_the_order_below_is_every_service_of_ours() -> None:
    ours = {name for name, each in services(GIVEN).items() if stage_of(each)}
    assert ours == {*ORDER, "kafka", "simulate"}
    for number, name in enumerate(ORDER):
        needs = {need for need in services(GIVEN)[name].get("depends_on", {}) if need in ours} - {"kafka"}
        assert needs <= set(ORDER[:number]), f"{name} comes before what it needs"


def test_every_service_is_checked_bounded_and_gives_up_what_it_does_not_need() -> None:
    ends = {
        name for each in services(GIVEN).values() for name, how in each.get("depends_on", {}).items() if "completed" in how["condition"]
    }
    for name, each in services(GIVEN).items():
        assert each["cap_drop"] == ["ALL"], name
        assert each["security_opt"] == ["no-new-privileges:true"], name
        assert each["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert "healthcheck" in each or name in {*ends, "models", "simulate", "jaeger"}, f"{name} has no health check"
        if stage_of(each) and name != "kafka":
            assert each["read_only"], name
        if not stage_of(each):
            assert re.search(r":\D*\d+[.\d-]", each["image"]), f"{each['image']} is not pinned"
        for port in each.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name} is open to others: {port}"
        for condition in (need["condition"] for need in each.get("depends_on", {}).values()):
            assert condition in ("service_healthy", "service_completed_successfully"), name


def test_each_image_is_built_for_one_service_that_is_always_there_and_the_others_take_what_is_there() -> None:
    ours = {name: each for name, each in services(GIVEN).items() if stage_of(each)}
    built = {name: each["build"]["target"] for name, each in ours.items() if "build" in each}
    assert set(built.values()) == {stage_of(each) for each in ours.values()}
    assert len(built) == len(set(built.values())), "two would write one tag at a time"
    for name, stage in built.items():
        assert stage == stage_of(ours[name]), name
        assert "profiles" not in ours[name], f"{name} is not always there"
        assert ours[name].get("pull_policy", "missing") == "missing", f"{name} could not be pulled at a commit"
    for name in ours.keys() - built.keys():
        assert ours[name]["pull_policy"] == "never", f"{name} would look for an image that is being built"


def test_nothing_is_written_into_a_service_that_may_not_be_written() -> None:
    """Compose copies what is not a file into the container, and refuses where it is read-only."""
    whole = told(GIVEN)
    for name, each in whole["services"].items():
        for kind in ("configs", "secrets"):
            for used in each.get(kind, ()) if each.get("read_only") else ():
                source = whole[kind][used if isinstance(used, str) else used["source"]]
                assert not {"content", "environment"} & source.keys(), f"{name} cannot start: {used} is no file"


def test_grafana_leaves_the_plugins_of_its_image_alone() -> None:
    assert services(GIVEN)["grafana"]["environment"]["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"


def test_no_image_runs_as_root() -> None:
    stages = dockerfile()
    for target in ("stream", "api", "ui", "flows"):
        assert [rest for instruction, rest in stages[target] if instruction == "USER"][-1] == "10001:10001"


def test_the_image_of_kafka_has_the_agent_that_the_embedded_broker_has() -> None:
    (jar,) = lock.load("jmx")
    (kafka,) = [each for each in lock.load("kafka") if each.artifact == "kafka_2.13"]
    text = (ROOT / "Dockerfile").read_text("utf-8")
    assert f"{jar.group}:{jar.artifact}:{jar.version}" in text
    assert jar.sha256 in text
    assert f"FROM apache/kafka:{kafka.version} AS kafka" in text


def test_every_variable_of_the_example_is_one_that_compose_reads() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    for line in (ROOT / ".env.example").read_text("utf-8").splitlines():
        if found := re.match(r"#? ?([A-Z][A-Z0-9_]+)=", line):
            assert found[1] == "COMPOSE_PROFILES" or f"${{{found[1]}" in text, found[1]


def test_prometheus_is_told_where_each_of_them_is() -> None:
    targets = yaml.safe_load((ROOT / "charts/umbrella/prometheus/targets/compose.yml").read_text("utf-8"))
    found = {each["labels"]["service"]: each["targets"] for each in targets}
    assert set(found) - {"kafka", "prometheus", "alertmanager"} == set(PORTS) - {"mlflow"}
    for name in set(PORTS) - {"mlflow"}:
        assert found[name] == [f"{name}:{PORTS[name]}"]


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    folder = tmp_path_factory.mktemp("compose")
    servers = ["kafka", "neo4j", "postgres-raw", "postgres-metadata"]
    s3 = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    try:
        with running(settings(tmp_path_factory.mktemp("servers")), servers) as stack:
            own = dict(zip(PORTS, free_ports().values(), strict=False))
            places = {
                "kafka:9092": f"127.0.0.1:{stack.port('kafka_port')}",
                "neo4j:7687": f"127.0.0.1:{stack.port('neo4j_bolt_port')}",
                "postgres-raw:5432": f"127.0.0.1:{stack.port('postgres_raw_port')}",
                "postgres-metadata:5432": f"127.0.0.1:{stack.port('postgres_metadata_port')}",
                "minio:9000": "{}:{}".format(*s3.get_host_and_port()),
                **{f"{name}:{port}": f"127.0.0.1:{own[name]}" for name, port in PORTS.items()},
            }
            changed = services(GIVEN)
            for name, variable in PORT_VARIABLES.items():
                changed[name]["environment"][variable] = str(PORTS[name])
            changed["source"]["environment"]["SOURCE_API_ROWS"] = "3000"
            images = folder / "images"
            images.mkdir()
            found = Composed(folder, Images(images), places, changed, PORTS, own)
            with left_running_by(found):
                yield found
    finally:
        s3.stop()


@pytest.mark.timeout(900)
def test_every_service_starts_by_its_own_command_is_healthy_does_its_work_and_stops_when_told(composed: Composed) -> None:
    for name in ORDER:
        composed.bring_up(name, patience=240)
    api = f"http://127.0.0.1:{composed.own['api']}"
    probe = [str(composed.images.bin("stream") / "vigia"), "probe", "--api", api]
    done = subprocess.run(probe, env=composed.environment("score"), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr + composed.log("score")
    assert "the stream: score" in done.stdout
    assert "the API: score" in done.stdout

    composed.start("simulate")
    until(lambda: scored(composed) > 5, lambda: f"nothing simulated was scored: {composed.log('simulate')}")
    request = urllib.request.Request(f"http://127.0.0.1:{composed.own['mlflow']}/health", headers={"Host": "mlflow:5000"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200, "MLflow answers to the name that it has in compose"
    for name in ("simulate", *reversed(ORDER)):
        if composed.running[name].poll() is None:
            assert composed.stop(name) in (0, -15), f"{name}: {composed.log(name)}"


def scored(composed: Composed) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{composed.own['score']}/metrics", timeout=10) as answer:
        counts = re.findall(r"^vigia_declarations_scored_total\{.*\} (.*)$", answer.read().decode(), re.MULTILINE)
    return sum(map(float, counts))


def test_what_compose_mounts_is_there() -> None:
    for name, each in services(GIVEN).items():
        for volume in each.get("volumes", ()):
            place = volume.partition(":")[0]
            assert not place.startswith(".") or Path(ROOT / place).exists(), f"{name} mounts {place}"

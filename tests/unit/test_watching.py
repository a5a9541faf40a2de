"""Dashboards, rules and alerts ask for what is really told, and every alert has its page."""

import ast
import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

import adapters.exposition
import adapters.metrics
import api.metrics
import simulator.api
import stream.metrics

ROOT = Path(__file__).parents[2]
UMBRELLA, RUNBOOKS = ROOT / "charts" / "umbrella", ROOT / "docs" / "runbooks"
DASHBOARDS = sorted((UMBRELLA / "dashboards").glob("*.json"))

THIRD_PARTY: dict[str, set[str]] = {
    "up": set(),
    "ALERTS": {"alertname", "alertstate", "severity", "dataset"},
    # What every client library tells of its process; Streamlit's alone does not.
    "process_cpu_seconds_total": set(),
    "process_max_fds": set(),
    "process_open_fds": set(),
    "process_resident_memory_bytes": set(),
    "process_start_time_seconds": set(),
    # Prefect's server.
    "prefect_worker_channel_heartbeat_failures_total": set(),
    # Streamlit.
    "active_sessions": set(),
    "session_events_total": {"type"},
}
"""The metrics of others, with their labels."""

CHAPTERS = ["## How to look", "## Causes, and what to do", "## When it is over"]
"""Of a runbook."""

TARGET = {"job", "service", "instance"}
"""The labels that every series gets when it is scraped."""

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool"}
SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def rules() -> list[dict[str, Any]]:
    return [rule for path in sorted((UMBRELLA / "rules").glob("*.yml")) for group in read(path)["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def told() -> dict[str, set[str]]:
    """Every series that may be asked for, with its labels besides those of the target."""
    found = dict(THIRD_PARTY)
    for module in (adapters.exposition, adapters.metrics, api.metrics, simulator.api, stream.metrics):
        for each in vars(module).values():
            if hasattr(each, "describe") and not isinstance(each, type):
                (family,) = each.describe()
                labels = set(getattr(each, "_labelnames", None) or getattr(each, "_labels", ()))
                found |= series(family.name, family.type, labels)
    for name, kind, labels in families(ROOT / "flows" / "metrics.py"):
        found |= series(name, kind, labels)
    for rule in read(UMBRELLA / "prometheus" / "kafka-jmx.yml")["rules"]:
        choices = re.findall(r"\((\w+(?:\|\w+)+)\)$", rule["pattern"])
        for choice in choices[0].split("|") if "$1" in rule["name"] else ("",):
            found[rule["name"].replace("$1", choice)] = set(rule.get("labels", ()))
    for rule in rules():
        if "record" in rule:
            found[rule["record"]] = {"dataset"}
    return found


def series(name: str, kind: str, labels: set[str]) -> dict[str, set[str]]:
    return {name + suffix: labels | ({"le"} if suffix == "_bucket" else set()) for suffix in SUFFIXES[kind]}


def families(source: Path) -> Iterator[tuple[str, str, set[str]]]:
    """The families that a collector makes when it is asked, as its source names them."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("MetricFamily"):
            kind = node.func.id.removesuffix("MetricFamily").lower()
            labels = next((ast.literal_eval(each.value) for each in node.keywords if each.arg == "labels"), [])
            yield ast.literal_eval(node.args[0]), kind, set(labels)


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions() -> list[tuple[str, str]]:
    """Every query, with where it stands."""
    found = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]
    for path in sorted(RUNBOOKS.glob("*.md")):
        blocks = re.findall(r"```promql\n(.*?)```", path.read_text("utf-8"), re.DOTALL)
        found += [(f"runbook {path.stem}", line) for block in blocks for line in block.splitlines() if line]
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text("utf-8"))
        found += [(f"{path.stem}: {panel['title']}", target["expr"]) for panel in panels(dashboard) for target in panel["targets"]]
        found += [(f"{path.stem}: annotation", each["expr"]) for each in dashboard["annotations"]["list"] if "expr" in each]
        for each in dashboard["templating"]["list"]:
            if each["type"] == "query":
                asked = re.fullmatch(r"label_values\((.*), (\w+)\)", each["query"]["query"])
                assert asked, f"{path.stem}: the variable {each['name']} asks for something else than the values of a label"
                found.append((f"{path.stem}: ${each['name']}", f"sum by ({asked[2]}) ({asked[1]})"))
    return found


def names(expression: str) -> set[str]:
    """The metrics in a query."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\boffset\s+\w+", " ", bare)
    return {name for name in re.findall(r"(?<![\w:$.])[a-zA-Z_][\w:]*\b(?![\w:]*\s*\()", bare) if name not in WORDS}


def grouped(expression: str) -> set[str]:
    """The labels that a query groups by."""
    lists = re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression))
    return {label.strip() for each in lists for label in each.split(",") if label.strip()}


EXPRESSIONS, TOLD = expressions(), told()


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_every_metric_that_is_asked_for_is_told(where, expression):
    assert names(expression)
    assert names(expression) <= TOLD.keys()


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_every_label_that_is_asked_for_exists(where, expression):
    known = set().union(*(TOLD[name] for name in names(expression)), TARGET)
    if "label_replace" in expression:
        known |= {"service"}
    assert grouped(expression) <= known
    for name, matchers in SELECTOR.findall(expression):
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", re.sub(r'"(?:[^"\\]|\\.)*"', '""', matchers))) <= TOLD[name] | TARGET


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_says_how_urgent_it_is_what_is_at_stake_and_where_to_read_on(rule):
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert rule["annotations"]["runbook"] == f"docs/runbooks/{rule['alert']}.md"


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    pages = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == {rule["alert"] for rule in alerts()}


def test_the_index_of_the_runbooks_leads_to_each_of_them():
    linked = re.findall(r"\]\((\w+)\.md\)", (RUNBOOKS / "README.md").read_text("utf-8"))
    assert sorted(linked) == sorted({rule["alert"] for rule in alerts()})


def test_a_runbook_is_titled_by_its_alert_and_says_how_to_look_what_to_do_and_when_it_is_over():
    for path in RUNBOOKS.glob("Vigia*.md"):
        lines = path.read_text("utf-8").splitlines()
        assert lines[0] == f"# {path.stem}"
        assert [line for line in lines if line.startswith("## ")] == [
            "## How to look",
            "## Causes, and what to do",
            "## When it is over",
        ], path.stem


def test_every_alert_is_tried_where_it_fires_and_where_it_does_not():
    tried: set[tuple[str, bool]] = set()
    for path in (UMBRELLA / "rules" / "tests").glob("*.yml"):
        for test in read(path)["tests"]:
            tried |= {(each["alertname"], bool(each["exp_alerts"])) for each in test.get("alert_rule_test", ())}
    assert tried >= {(rule["alert"], fires) for rule in alerts() for fires in (True, False)}


def test_whoever_is_missed_when_it_is_down_is_scraped():
    (missed,) = [rule["expr"] for rule in rules() if rule.get("record") == "vigia:service_down"]
    targets = read(UMBRELLA / "prometheus" / "targets" / "compose.yml")
    assert set(re.findall(r'service="(\w+)"', missed)) <= {each["labels"]["service"] for each in targets}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_found_by_its_name_and_asks_the_chosen_source(path):
    dashboard = json.loads(path.read_text("utf-8"))
    assert dashboard["uid"] == f"vigia-{path.stem}"
    assert dashboard["templating"]["list"][0]["type"] == "datasource"
    for panel in panels(dashboard):
        assert {each["datasource"]["uid"] for each in (panel, *panel["targets"])} == {"${datasource}"}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_has_a_number_of_its_own_a_title_an_explanation_and_a_unit(path):
    dashboard = json.loads(path.read_text("utf-8"))
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(numbers) == len(set(numbers))
    for panel in panels(dashboard):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_no_panel_covers_another(path):
    places = [panel["gridPos"] for panel in json.loads(path.read_text("utf-8"))["panels"]]
    assert all(at["x"] >= 0 and at["x"] + at["w"] <= 24 for at in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]

"""One declaration can be followed from whoever published it to its alert and into the graph, in traces and in logs."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import httpx
from confluent_kafka import Producer

from graph.settings import Neo4jSettings
from local.ports import free_ports
from tests.collector import collecting
from tests.integration.test_stream import ODD, SEED_EXAMPLE
from tests.serving import NOWHERE, cached
from tests.workers import Deployment, Worker, until

TRACE = "0af7651916cd43dd8448eb211c80319c"
KEPT = f"00-{TRACE}-b7ad6b7169203331-01"
NOT_KEPT = "00-1bf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def lines(worker: Worker) -> list[dict[str, str]]:
    return [json.loads(line) for line in worker.tail().splitlines() if line.startswith("{")]


def test_a_trace_leads_from_the_publisher_through_the_verdict_into_the_graph_and_the_log_names_it(
    kafka: str, tmp_path: Path, trained: Path, neo4j_settings: Neo4jSettings
) -> None:
    with collecting() as (endpoint, spans):
        here = Deployment(
            kafka,
            tmp_path,
            trained,
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                "NEO4J_URI": neo4j_settings.uri,
                "NEO4J_PASSWORD": neo4j_settings.password.get_secret_value(),
            },
        )
        with here.worker() as score, here.worker("graph", "graph") as graph:
            score.wait_until_ready()
            graph.wait_until_ready()
            producer = Producer(here.settings.client())
            producer.produce(here.input, json.dumps(ODD), headers={"traceparent": KEPT, "tracestate": "customs=1"})
            producer.produce(here.input, json.dumps(SEED_EXAMPLE), headers={"traceparent": NOT_KEPT})
            producer.produce(here.input, b"no JSON", headers={"traceparent": KEPT})
            producer.flush()
            ended = [("graph", False), ("score", False), ("score", True)]
            until(
                lambda: sorted((span.service, bool(span.problem)) for span in spans) == ended,
                lambda: f"{spans}\n{score.tail()}\n{graph.tail()}",
            )
            (alert,) = here.wait_for(here.topics.anomalies, 1)
            scored = {json.loads(message.value())["declaration_id"]: dict(message.headers()) for message in here.read(here.topics.scored)}
            page = urllib.request.Request(
                f"http://127.0.0.1:{score.port}/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"}
            )
            with urllib.request.urlopen(page, timeout=5) as answer:
                exposed = answer.read().decode()
            until(lambda: any("dead letter" in line["message"] for line in lines(score)), score.tail)
            logged = lines(score)

    judged, drawn = (next(span for span in spans if (span.service, span.problem) == (role, "")) for role in ("score", "graph"))
    (refused,) = (span for span in spans if span.problem)
    assert (refused.service, refused.trace, refused.parent) == ("score", TRACE, "b7ad6b7169203331")
    assert "dead letters" in refused.problem
    assert (judged.trace, drawn.trace) == (TRACE, TRACE)
    assert judged.parent == "b7ad6b7169203331"
    assert drawn.parent == judged.id
    assert judged.attributes["vigia.declaration_id"] == "odd"
    assert judged.attributes["vigia.anomaly"] is True
    assert {span.trace for span in spans} == {TRACE}, "whose trace is not kept, is not traced"
    assert dict(alert.headers())["traceparent"] == f"00-{TRACE}-{judged.id}-01".encode()
    assert dict(alert.headers())["tracestate"] == b"customs=1"
    assert scored["1"]["traceparent"] == NOT_KEPT.encode(), "it is carried through as it came"
    assert re.search(rf'vigia_declaration_seconds_bucket\{{dataset="exportaciones",le=".*"\}} \S+ # \{{trace_id="{TRACE}"\}}', exposed)
    (told,) = [line for line in logged if line.get("declaration_id") == "odd"]
    assert (told["trace_id"], told["service"], told["event_id"]) == (TRACE, "score", json.loads(alert.value())["event_id"])
    (letter,) = [line for line in logged if line.get("code") == "not_json"]
    assert (letter["trace_id"], letter["source"].rpartition("/")[0].rpartition("/")[0]) == (TRACE, here.input)


def test_what_publishes_begins_traces_as_often_as_it_is_told_to(kafka: str, tmp_path: Path) -> None:
    with collecting() as (endpoint, spans):
        here = Deployment(kafka, tmp_path)
        for share, wanted in (("1.0", 20), ("0.0", 0)):
            spans.clear()
            environment = {**os.environ, **here.environment, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
            environment |= {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": share}
            command = [sys.executable, "-m", "cli", "simulate", "--dataset", "exportaciones", "--count", "20", "--rate", "0"]
            subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
            assert len({span.trace for span in spans}) == wanted
            assert {span.service for span in spans} <= {"simulate"}
        traced = [dict(message.headers() or ()) for message in here.read(here.input)]
    assert len(traced) == 40
    assert sum("traceparent" in headers for headers in traced) == 20


def test_a_request_goes_on_with_its_caller_s_trace(tmp_path: Path, trained: Path) -> None:
    port = free_ports()["api_port"]
    with collecting() as (endpoint, spans):
        environment = {**os.environ, **NOWHERE, "VIGIA_STATE_DIR": str(cached(trained, tmp_path)), "API_PORT": str(port)}
        environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
        with (
            subprocess.Popen([sys.executable, "-m", "api"], env=environment, stdout=subprocess.DEVNULL) as api,
            httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            try:
                until(lambda: answers(client), lambda: f"the API ended with {api.poll()}")
                asked = {"empresa": "ABC", "subpartida": "110100", "puerto": "CARTAGENA"}
                assert client.post("/predict", json=asked, headers={"traceparent": KEPT}).status_code == 200
                assert client.post("/predict", json=asked, headers={"traceparent": NOT_KEPT}).status_code == 200
                exposed = client.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"}).text
            finally:
                api.terminate()
    kept = [span for span in spans if span.trace == TRACE]
    assert {span.service for span in kept} == {"api"}
    ours = [span for span in kept if span.parent == "b7ad6b7169203331" and "http.response.status_code" in span.attributes]
    span = next(span for span in ours if span.attributes.get("http.route") == "/predict")  # FastAPI adds spans of its own
    assert span.name == "POST /predict"
    assert span.attributes["http.response.status_code"] == 200
    assert NOT_KEPT[3:35] not in {span.trace for span in spans}
    assert re.search(rf'vigia_api_request_seconds_bucket.*route="/predict".* # \{{trace_id="{TRACE}"\}}', exposed)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False

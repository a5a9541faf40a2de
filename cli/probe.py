"""`vigia probe`: does a declaration get through?"""

import time
from typing import Annotated, Any

import typer

from cli.options import BootstrapServers, kafka_settings

EMPRESA = "VIGIA-PRUEBA"
"""Whose declaration it is, so that everybody sees what it was."""


def probe(
    seconds: Annotated[float, typer.Option(help="how long its verdict may take", min=1)] = 60.0,
    api: Annotated[str | None, typer.Option(help="also ask the API at this address", show_default="no")] = None,
    api_key: Annotated[str | None, typer.Option(envvar="VIGIA_API_KEY", help="where the API has keys", show_default=False)] = None,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Send one declaration through, as any upstream system would, and wait for its verdict.

    It is a real one: it is archived, and drawn in the graph, as of the company VIGIA-PRUEBA.
    """
    import msgspec
    from confluent_kafka import Producer

    from adapters.kafka import TopicSettings
    from adapters.tracing import configure_tracing, publication
    from cli.follow import followed
    from core.errors import Unavailable
    from schemas import datasets
    from schemas.events import ScoredV1

    configure_tracing("probe")
    kafka, topics = kafka_settings(bootstrap_servers), TopicSettings()
    spec = datasets.load("exportaciones")
    declaration = {"declaration_id": f"prueba-{time.time_ns()}", "empresa": EMPRESA, "subpartida": "110100", "puerto": "CARTAGENA"}
    decode = msgspec.json.Decoder(ScoredV1).decode
    with followed(kafka, topics.scored) as arriving:
        producer, began = Producer(kafka.client()), time.monotonic()
        topic = topics.declarations[spec.name]
        producer.produce(topic, msgspec.json.encode(declaration), EMPRESA, headers=publication(topic))
        if producer.flush(seconds):
            raise Unavailable("kafka", f"Kafka at {kafka.bootstrap_servers} did not take the declaration within {seconds:g} s")
        for message in arriving:
            verdict = decode(message.value() or b"") if message else None
            if verdict and verdict.declaration_id == declaration["declaration_id"]:
                break
            if time.monotonic() - began > seconds:
                raise Unavailable(
                    "stream", f"no verdict on {topics.scored} within {seconds:g} s: look at /readyz of the scoring worker, and at its log"
                )
    told = f"score {verdict.score:.2f} by {verdict.model.name} version {verdict.model.version}" if verdict else ""
    typer.echo(f"the stream: {told}, after {time.monotonic() - began:.1f} s")
    if api:
        answer = _asked(api, declaration, api_key)
        typer.echo(f"the API: score {answer['score']:.2f} by {answer['model']['name']} version {answer['model']['version']}")


def _asked(api: str, declaration: dict[str, str], key: str | None) -> Any:
    import json
    import urllib.error
    import urllib.request

    from core.errors import Unavailable

    address = f"{api.rstrip('/')}/predict"
    headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})}
    try:
        request = urllib.request.Request(address, json.dumps(declaration).encode(), headers)  # noqa: S310  # the caller's own address
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Unavailable("api", f"{address} answered {error.code}: {error.read().decode('utf-8', 'replace')[:500]}") from error
    except (OSError, ValueError) as error:
        raise Unavailable("api", f"{address} does not answer: {error}") from error

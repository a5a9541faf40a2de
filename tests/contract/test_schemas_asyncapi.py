"""The AsyncAPI document describes the topics that there are, with the schemas that there are."""

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from referencing import Resource
from referencing.jsonschema import DRAFT202012

from adapters.kafka import TopicSettings
from schemas import datasets
from schemas.events import CE_TYPES
from tests.published import ROOT, registry

DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "asyncapi.yaml").read_text("utf-8"))
REGISTRY = registry().with_resource("asyncapi.yaml", Resource.from_contents(DOCUMENT, default_specification=DRAFT202012))
MESSAGES: dict[str, dict[str, Any]] = DOCUMENT["components"]["messages"]


def references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def follow(node: dict[str, Any]) -> dict[str, Any]:
    return REGISTRY.resolver("asyncapi.yaml").lookup(node["$ref"]).contents if "$ref" in node else node


def schema_of(part: dict[str, Any], message: str, where: str) -> Validator:
    pointer = f"asyncapi.yaml#/components/messages/{message}/{where}" + ("/schema" if "schemaFormat" in part else "")
    return Draft202012Validator({"$ref": pointer}, registry=REGISTRY, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_it_is_asyncapi_3_and_every_reference_leads_somewhere() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"info", "channels", "operations", "components"} <= DOCUMENT.keys()
    found = references(DOCUMENT)
    assert any(each.startswith("declaration.v1") for each in found)
    for each in found:
        REGISTRY.resolver("asyncapi.yaml").lookup(each)


def test_its_topics_are_the_ones_that_are_created_with_the_same_settings() -> None:
    created = {
        topic.topic: (topic.num_partitions, topic.replication_factor, {k: int(v) for k, v in topic.config.items()})
        for topic in TopicSettings().to_create()
    }
    described = {}
    for channel in DOCUMENT["channels"].values():
        binding = channel["bindings"]["kafka"]
        described[channel["address"]] = (binding["partitions"], binding["replicas"], binding["topicConfiguration"])
    assert described == created


def test_outsiders_send_declarations_and_receive_everything_else() -> None:
    inputs = {spec.topic for spec in datasets.load_all()}
    sides = {(follow(operation["channel"])["address"], operation["action"]) for operation in DOCUMENT["operations"].values()}
    everything = {channel["address"] for channel in DOCUMENT["channels"].values()}
    assert sides == {(topic, "send" if topic in inputs else "receive") for topic in everything}


@pytest.mark.parametrize("dataset", datasets.names())
def test_each_dataset_has_its_channel_with_its_own_schema(dataset: str) -> None:
    channel = DOCUMENT["channels"][dataset]
    assert channel["address"] == datasets.load(dataset).topic
    message = follow(channel["messages"]["declaration"])
    assert message["payload"]["schema"]["$ref"] == f"declaration.v1.schema.json#/$defs/{dataset}"


@pytest.mark.parametrize("kind", CE_TYPES)
def test_the_cloudevents_type_is_the_one_that_is_sent(kind: str) -> None:
    stated = MESSAGES[kind]["headers"]["allOf"][1]["properties"]
    assert stated == {"ce_type": {"const": CE_TYPES[kind]}, "ce_source": {"const": f"/vigia/{kind}"}}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_examples_of_every_message_are_valid(name: str) -> None:
    message = MESSAGES[name]
    assert message["examples"]
    for example in message["examples"]:
        schema_of(message["payload"], name, "payload").validate(example["payload"])
        if "headers" in example:
            schema_of(message["headers"], name, "headers").validate(example["headers"])

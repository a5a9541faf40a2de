"""A neighbourhood as files that other programs read."""

from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree

from ui.client import Answer

GRAPHML = "http://graphml.graphdrawing.org/xmlns"


def as_json(found: Answer) -> str:
    """As the API answered it."""
    return json.dumps(found, ensure_ascii=False, indent=1)


def as_csv(found: Answer) -> str:
    """Its relations, a row each."""
    names = sorted({name for edge in found["edges"] for name in edge["properties"]})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("source", "kind", "target", "anomalies", *names))
    for edge in found["edges"]:
        writer.writerow(
            (edge["source"], edge["kind"], edge["target"], edge["anomalies"], *(edge["properties"].get(name) for name in names))
        )
    return text.getvalue()


def as_graphml(found: Answer) -> bytes:
    """Nodes and relations with their properties, as text (Gephi, yEd, networkx)."""
    ElementTree.register_namespace("", GRAPHML)
    root = ElementTree.Element(f"{{{GRAPHML}}}graphml")
    graph = ElementTree.Element(f"{{{GRAPHML}}}graph", edgedefault="directed")
    keys: dict[tuple[str, str], str] = {}

    def add(element: ElementTree.Element, of: str, properties: dict[str, object]) -> None:
        for name, value in properties.items():
            if value is not None:
                key = keys.setdefault((of, name), f"{of[0]}{len(keys)}")
                ElementTree.SubElement(element, f"{{{GRAPHML}}}data", key=key).text = str(value)

    for node in found["nodes"]:
        element = ElementTree.SubElement(graph, f"{{{GRAPHML}}}node", id=node["id"])
        shown = {name: node[name] for name in ("kind", "name", "anomalies", "score_max")}
        add(element, "node", {**node["properties"], **shown})
    for edge in found["edges"]:
        element = ElementTree.SubElement(graph, f"{{{GRAPHML}}}edge", id=edge["id"], source=edge["source"], target=edge["target"])
        add(element, "edge", {**edge["properties"], "kind": edge["kind"], "anomalies": edge["anomalies"]})
    for (of, name), key in keys.items():
        ElementTree.SubElement(root, f"{{{GRAPHML}}}key", {"id": key, "for": of, "attr.name": name, "attr.type": "string"})
    root.append(graph)
    return bytes(ElementTree.tostring(root, "utf-8", xml_declaration=True))

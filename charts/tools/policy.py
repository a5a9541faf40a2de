"""What must hold of every rendering: `python charts/tools/policy.py FILE…`. A schema says what an object may be, this says how ours are.

Pod Security "restricted" and somewhat more for every pod, no secret anywhere, references that lead somewhere, and for every address
in a container's environment a NetworkPolicy that lets it through at both ends.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

SECRETS = {
    "mlops-minio": {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
    "mlops-postgres-raw": {"POSTGRES_USER", "POSTGRES_PASSWORD"},
    "mlops-postgres-metadata": {"POSTGRES_USER", "POSTGRES_PASSWORD"},
    "mlops-neo4j": {"NEO4J_PASSWORD"},
    "mlops-kafka": {"KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"},
    "mlops-api": {"API_KEYS"},
    "mlops-ui": {"UI_API_KEY"},
    "mlops-grafana": {"admin-user", "admin-password"},
    "mlops-git": {"GIT_USERNAME", "GIT_PASSWORD"},
}
"""The secrets that may be asked for, with their keys: those that README.md and NOTES.txt tell how to make."""

PROBES_NOT_NEEDED = {
    "deployments": "serves nothing: it ends when it cannot go on, and is started again",
    "simulate": "serves nothing: it ends when Kafka does not take what it publishes",
    "buckets": "runs before the server: its end is its answer",
    "migrations": "a job: its end is its answer",
    "models": "a job: its end is its answer",
    "probe": "a test: its end is its answer",
    "git-sync": "its start is probed; afterwards old code is better than none",
}
READINESS_NOT_NEEDED = {"flows": "nobody is led to it: it fetches its work itself"}

VOLUMES = {"configMap", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret", "downwardAPI", "csi"}
"""The kinds of volumes that "restricted" allows."""

LIFELONG = {"Deployment", "StatefulSet"}


@dataclass(frozen=True)
class Pod:
    """A pod, or what makes pods."""

    kind: str
    name: str
    labels: Mapping[str, str]
    spec: Object

    @property
    def containers(self) -> list[Object]:
        """All of them, sidecars included."""
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]


def pods_of(objects: list[Object]) -> Iterator[Pod]:
    """Everything that is or makes a pod."""
    for each in objects:
        kind, name = each["kind"], each["metadata"]["name"]
        if kind == "Pod":
            yield Pod(kind, name, each["metadata"]["labels"], each["spec"])
        elif kind in {*LIFELONG, "Job"}:
            template = each["spec"]["template"]
            yield Pod(kind, name, template["metadata"]["labels"], template["spec"])


def secure(pod: Pod) -> Iterator[str]:
    """Pod Security "restricted", and what this project adds to it."""
    spec, context = pod.spec, pod.spec.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield "may run as root"
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "has no seccomp profile"
    if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        yield "shares its node's namespaces"
    if spec.get("automountServiceAccountToken") is not False:
        yield "gets a token for Kubernetes' API"
    if spec.get("enableServiceLinks") is not False:
        yield "gets variables such as API_PORT from Services, which would be read as settings"
    if spec.get("serviceAccountName", "default") == "default":
        yield "has no service account of its own"
    for volume in spec.get("volumes", ()):
        if not set(volume) - {"name"} <= VOLUMES:
            yield f"has a volume {volume['name']} of a kind that is not allowed"
        if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
            yield f"may fill its node through {volume['name']}"
    for container in pod.containers:
        context, who = container.get("securityContext", {}), container["name"]
        if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
            yield f"{who} may gain privileges"
        if context.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{who} keeps capabilities"
        if context.get("readOnlyRootFilesystem") is not True:
            yield f"{who} may write into its image"
        if set(context) & {"runAsUser", "runAsNonRoot", "seccompProfile", "procMount"}:
            yield f"{who} goes its own way"
        if any("hostPort" in port for port in container.get("ports", ())):
            yield f"{who} takes a port of its node"


def sound(pod: Pod, sha: str) -> Iterator[str]:
    """Resources, probes and images."""
    for container in pod.containers:
        who, resources = container["name"], container.get("resources", {})
        if any(not resources.get(kind, {}).get(what) for kind in ("requests", "limits") for what in ("cpu", "memory")):
            yield f"{who} lacks requests or limits"
        tag = container["image"].partition("@")[0].rpartition(":")[2]
        if "/" in tag or tag == "latest":
            yield f"{who} has an image without a tag"
        if "/vigia-" in container["image"] and tag != sha:
            yield f"{who} is not at the commit that is deployed"
        if who not in PROBES_NOT_NEEDED:
            missing = {"startupProbe", "livenessProbe", "readinessProbe"} - set(container)
            if missing - ({"readinessProbe"} if who in READINESS_NOT_NEEDED else set()):
                yield f"{who} lacks {', '.join(sorted(missing))}"
        path = container.get("livenessProbe", {}).get("httpGet", {}).get("path")
        if path == "/readyz":
            yield f"{who} would be restarted because it waits"
        ours = "/vigia-" in container["image"] and pod.kind in LIFELONG
        if ours and who in {"score", "graph", "archive"} and pod.spec["terminationGracePeriodSeconds"] != 90:
            yield f"{who} is not given the 90 s that a transaction may take"


def secretive(pod: Pod) -> Iterator[str]:
    """Whatever is secret comes from a secret that is known, by a key that is known."""
    for container in pod.containers:
        for variable in container.get("env", ()):
            name, value = variable["name"], variable.get("value", "")
            if re.search(r"PASSWORD$|SECRET|TOKEN|_KEYS?$|_KEY_ID$", name) and "valueFrom" not in variable:
                yield f"{name} is written out"
            if re.search(r"://[^$/@]*:[^$/@]+@", value):
                yield f"{name} has a password in it"
            asked = variable.get("valueFrom", {}).get("secretKeyRef")
            if asked and asked["key"] not in SECRETS.get(asked["name"], ()):
                yield f"{name} asks for {asked['key']} of {asked['name']}, which nobody is told to make"


def connected(pod: Pod, objects: list[Object]) -> Iterator[str]:
    """What a pod refers to is there."""
    there = {(each["kind"], each["metadata"]["name"]) for each in objects}
    if ("ServiceAccount", pod.spec["serviceAccountName"]) not in there:
        yield "has a service account that does not exist"
    claims = next(
        (
            each["spec"].get("volumeClaimTemplates", ())
            for each in objects
            if each["metadata"]["name"] == pod.name and each["kind"] == pod.kind
        ),
        (),
    )
    volumes = {volume["name"] for volume in pod.spec.get("volumes", ())} | {claim["metadata"]["name"] for claim in claims}
    mounted = {mount["name"] for container in pod.containers for mount in container.get("volumeMounts", ())}
    if volumes != mounted:
        yield f"has volumes that are not mounted, or mounts without a volume: {sorted(volumes ^ mounted)}"
    for volume in pod.spec.get("volumes", ()):
        sources = [volume, *volume.get("projected", {}).get("sources", ())]
        for source in sources:
            name = source.get("configMap", {}).get("name")
            if name and ("ConfigMap", name) not in there:
                yield f"mounts the ConfigMap {name}, which does not exist"


def selected(each: Object, pods: list[Pod]) -> Iterator[str]:
    """Services, budgets and scalers lead to pods."""
    spec, kind = each.get("spec", {}), each["kind"]
    if kind in {"Service", "PodDisruptionBudget"}:
        wanted = spec["selector"] if kind == "Service" else spec["selector"]["matchLabels"]
        found = [pod for pod in pods if wanted.items() <= pod.labels.items()]
        if len(found) != 1:
            yield f"selects {len(found)} kinds of pods"
        ports = {port["name"] for pod in found for container in pod.containers for port in container.get("ports", ())}
        if kind == "Service" and not {port["targetPort"] for port in spec["ports"]} <= ports:
            yield "leads to a port that no container has"
    if kind in {"ScaledObject", "HorizontalPodAutoscaler"}:
        target = spec["scaleTargetRef"]
        if not any((pod.kind, pod.name) == (target["kind"], target["name"]) for pod in pods):
            yield "scales something that does not exist"


def lets(policies: list[Object], client: Pod, server: Pod, port: int) -> list[str]:
    """The ends at which the way from a client to a server's port is closed."""
    closed = []
    for direction, here, there, peers in (("Egress", client, server, "to"), ("Ingress", server, client, "from")):
        rules = [
            rule
            for policy in policies
            if direction in policy["spec"]["policyTypes"] and matches(policy["spec"]["podSelector"], here)
            for rule in policy["spec"].get(direction.lower(), ())
        ]
        if not any(
            any(matches(peer["podSelector"], there) for peer in rule[peers] if "podSelector" in peer and "namespaceSelector" not in peer)
            and any(allowed["port"] == port for allowed in rule["ports"])
            for rule in rules
        ):
            closed.append(direction)
    return closed


def matches(selector: Object, pod: Pod) -> bool:
    """Whether a label selector takes a pod."""
    return selector.get("matchLabels", {}).items() <= pod.labels.items() and all(
        each["operator"] == "In" and pod.labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", ())
    )


def open_enough(pod: Pod, objects: list[Object], pods: list[Pod]) -> Iterator[str]:
    """Every address of a Service in the environment or the arguments can be reached."""
    policies = [each for each in objects if each["kind"] == "NetworkPolicy"]
    services = {each["metadata"]["name"]: each for each in objects if each["kind"] == "Service"}
    for container in pod.containers:
        words = [variable.get("value", "") for variable in container.get("env", ()) if variable["name"] not in LOOKED_AT_ELSEWHERE]
        for word in (*words, *container.get("command", ()), *container.get("args", ())):
            for host, port in re.findall(r"(?:^|[/@,])([a-z0-9-]+):(\d+)", word):
                service = services.get(host)
                if service is None or service["metadata"]["name"] == pod.labels["app.kubernetes.io/component"]:
                    continue
                if int(port) not in {each["port"] for each in service["spec"]["ports"]}:
                    yield f"needs {host}:{port}, which that Service does not have"
                    continue
                server = next(each for each in pods if service["spec"]["selector"].items() <= each.labels.items())
                for end in lets(policies, pod, server, int(port)):
                    yield f"needs {host}:{port}, and a NetworkPolicy closes it ({end})"


def scraped(objects: list[Object]) -> Iterator[str]:
    """The trial's Prometheus scrapes ports that Services have."""
    ports = {each["metadata"]["name"]: {port["port"] for port in each["spec"]["ports"]} for each in objects if each["kind"] == "Service"}
    for each in objects:
        if each["kind"] == "ConfigMap" and "targets.yml" in each["data"]:
            for entry in yaml.safe_load(each["data"]["targets.yml"]):
                for target in entry["targets"]:
                    host, port = target.rpartition(":")[::2]
                    if host != "localhost" and int(port) not in ports.get(host.rpartition(".")[2], ()):
                        yield f"Prometheus scrapes {target}, where no Service is"


LOOKED_AT_ELSEWHERE = {"MLFLOW_SERVER_ALLOWED_HOSTS"}
"""Variables that name hosts which are not called."""


def faults(objects: list[Object]) -> Iterator[str]:
    """Everything that does not hold, in a line each."""
    pods = list(pods_of(objects))
    sha = next(each["metadata"]["labels"]["app.kubernetes.io/version"] for each in objects if each["metadata"]["name"] == "score")
    for pod in pods:
        told = (*secure(pod), *sound(pod, sha), *secretive(pod), *connected(pod, objects), *open_enough(pod, objects, pods))
        yield from (f"{pod.kind} {pod.name}: {fault}" for fault in told)
    yield from scraped(objects)
    seen: set[tuple[str, str]] = set()
    for each in objects:
        kind, name = each["kind"], each["metadata"]["name"]
        yield from (f"{kind} {name}: {fault}" for fault in selected(each, pods))
        if kind == "Secret":
            yield f"Secret {name}: the chart makes none"
        if (kind, name) in seen:
            yield f"{kind} {name}: is there twice"
        seen.add((kind, name))
        if each["metadata"].get("namespace") != "mlops":
            yield f"{kind} {name}: is not in the namespace of the release"
        if kind in {"Deployment", "StatefulSet", "Job"} and "argocd.argoproj.io/sync-wave" not in each["metadata"].get("annotations", {}):
            yield f"{kind} {name}: Argo CD does not know when"
        if (kind, name) in {("StatefulSet", "score"), ("Deployment", "api")}:
            scaled = any(
                other["kind"] in {"ScaledObject", "HorizontalPodAutoscaler"} and other["metadata"]["name"] == name for other in objects
            )
            if scaled == ("replicas" in each["spec"]):
                yield f"{kind} {name}: its number is said twice, or not at all"
    if not any(
        each["kind"] == "NetworkPolicy" and each["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} for each in objects
    ):
        yield "NetworkPolicy: what is not allowed is not closed"


def main(files: list[str]) -> int:
    """Exit code 1 where something does not hold."""
    failed = 0
    for file in files:
        objects = [each for each in yaml.safe_load_all(Path(file).read_text("utf-8")) if each]
        found = sorted(set(faults(objects)))
        print(f"{Path(file).stem}: {len(objects)} objects, {sum(1 for _ in pods_of(objects))} kinds of pods, {len(found)} faults")
        print("".join(f"  {fault}\n" for fault in found), end="")
        failed += len(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

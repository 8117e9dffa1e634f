"""What Helm makes of our chart: rendered without a cluster, by Helm's own library."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import helm_python
import msgspec
import yaml
from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "titan-aas"
RUNBOOK = ROOT.parent / "shared" / "seed" / "000_9f86bd93abd70516.txt"

Object = dict[str, Any]
"""One object of Kubernetes."""


class Case(Struct, frozen=True):
    """Values, and what is there before the release."""

    values: Object
    given: frozenset[str] = frozenset()
    """`Kind/name` of objects that the values name and that are not of the release."""
    hosts: frozenset[str] = frozenset()
    """Names of servers outside."""
    release: str = "titan"


class Pod(Struct, frozen=True):
    """A pod that something of the release starts."""

    of: str
    """`Kind/name` of what starts it."""
    labels: dict[str, str]
    spec: Object
    hook: str = ""
    """When Helm runs it, where that is not with the release."""

    @property
    def containers(self) -> list[Object]:
        """Those that run before the others, too."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def is_ours(self) -> bool:
        return self.labels["app.kubernetes.io/name"] == "titan-aas"

    @property
    def component(self) -> str:
        return self.labels.get("app.kubernetes.io/component", self.labels["app.kubernetes.io/name"])


def read_values(name: str) -> Object:
    """A file of values that comes with the chart."""
    return yaml.safe_load((CHART / name).read_text())


def runbook_values() -> Object:
    """The values that the runbook shows."""
    text = RUNBOOK.read_text()
    block = text[text.index("# values-production.yaml") :]
    return yaml.safe_load(block[: block.index("```")])


def render(values: Object, *, release: str = "titan") -> dict[str, str]:
    """Texts by the names of templates.

    Raises:
        helm_python.HelmError: as Helm refuses values or fails.
    """
    with helm_python.Chart.load(CHART) as chart:
        # What an install does first, and rendering alone does not.
        chart.validate_schema(values)
        return chart.render(values, name=release, namespace="titan")


@cache
def _rendered(encoded: bytes, release: str) -> tuple[Object, ...]:
    texts = render(msgspec.json.decode(encoded), release=release)
    manifests = [text for name, text in texts.items() if not name.endswith("NOTES.txt")]
    return tuple(found for text in manifests for found in yaml.safe_load_all(text) if found)


def objects(case: Case) -> tuple[Object, ...]:
    """Everything that the release consists of."""
    return _rendered(msgspec.json.encode(case.values), case.release)


def known_by(found: Object) -> str:
    """`Kind/name`."""
    return f"{found['kind']}/{found['metadata']['name']}"


def of_kind(case: Case, *kinds: str) -> list[Object]:
    return [found for found in objects(case) if found["kind"] in kinds]


def one(case: Case, name: str) -> Object:
    """The object `Kind/name`."""
    (found,) = [found for found in objects(case) if known_by(found) == name]
    return found


def pods(case: Case) -> list[Pod]:
    """Every pod that is started, hooks and the jobs of schedules included."""
    return list(_pods(case))


def _pods(case: Case) -> Iterator[Pod]:
    for found in of_kind(case, "Deployment", "StatefulSet", "Job", "CronJob"):
        template = found["spec"]["jobTemplate"] if found["kind"] == "CronJob" else found
        template = template["spec"]["template"]
        hook = found["metadata"].get("annotations", {}).get("helm.sh/hook", "")
        yield Pod(known_by(found), template["metadata"]["labels"], template["spec"], hook)


def environ(container: Object) -> dict[str, str]:
    """The variables of a container; there are none whose value comes from elsewhere."""
    return {variable["name"]: variable["value"] for variable in container.get("env", [])}


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Does a selector of labels find these?"""
    by_label = selector.get("matchLabels", {}).items()
    by_expression: Sequence[Object] = selector.get("matchExpressions", [])
    assert all(expression["operator"] == "In" for expression in by_expression)
    return all(labels.get(key) == value for key, value in by_label) and all(
        labels.get(expression["key"]) in expression["values"] for expression in by_expression
    )


def selected(case: Case, service: Object) -> list[Pod]:
    """The pods behind a Service."""
    return [pod for pod in pods(case) if selects({"matchLabels": service["spec"]["selector"]}, pod.labels)]


def allows(case: Case, source: Pod, target: Pod | str | None, port: int) -> bool:
    """Do the network policies let one pod reach another, an address outside, or, without either, some address there?"""
    policies = of_kind(case, "NetworkPolicy")
    out = permits(policies, "Egress", source, target, port)
    return out and (not isinstance(target, Pod) or permits(policies, "Ingress", target, source, port))


def permits(policies: Sequence[Object], direction: str, pod: Pod, other: Pod | str | None, port: int) -> bool:
    """Do these policies let a pod reach another, or be reached by it?"""
    mine = [
        policy["spec"]
        for policy in policies
        if direction in policy["spec"]["policyTypes"] and selects(policy["spec"]["podSelector"], pod.labels)
    ]
    listening = pod if direction == "Ingress" else other
    side = "from" if direction == "Ingress" else "to"
    rules = [rule for spec in mine for rule in spec.get(direction.lower(), [])]
    return not mine or any(_reaches(rule.get(side), other) and _on(rule["ports"], port, listening) for rule in rules)


def _reaches(peers: Sequence[Object] | None, other: Pod | str | None) -> bool:
    if not peers:
        return True
    if not isinstance(other, Pod):
        networks = [ip_network(peer["ipBlock"]["cidr"]) for peer in peers if "ipBlock" in peer]
        return any(other is None or ip_address(other) in network for network in networks)
    # Pods of the release are in its namespace: a peer with a namespace of its own is somebody else.
    return any(
        "podSelector" in peer and "namespaceSelector" not in peer and selects(peer["podSelector"], other.labels)
        for peer in peers
    )


def _on(ports: Sequence[Object], port: int, listening: Pod | str | None) -> bool:
    named = {
        known["name"]: known["containerPort"]
        for container in (listening.containers if isinstance(listening, Pod) else [])
        for known in container.get("ports", [])
    }
    return any(named.get(allowed["port"], allowed["port"]) == port for allowed in ports)

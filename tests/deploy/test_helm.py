"""The chart renders, Helm and Kubernetes know what it says, and it refuses what it does not know.

Offline: no cluster takes these objects in. What needs one and so is not tested: that `lookup` finds the passwords of an
earlier release again.
"""

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator
from kubernetes_validate import utils
from referencing import Registry, Resource

from support.chart_cases import CASES, MANAGED
from support.charts import CHART, ROOT, RUNBOOK, Case, Object, environ, objects, of_kind, one, pods, render

OLDEST = "1.28"
VERSIONS = list(
    dict.fromkeys(
        utils.major_minor(version)
        for version in utils.all_versions()
        if tuple(map(int, version.split("."))) >= tuple(map(int, OLDEST.split(".")))
    )
)
FOREIGN = {"ServiceMonitor", "PrometheusRule", "HTTPRoute"}
"""Kinds that Kubernetes itself has not, and so no schema here: these are not validated."""

ROUTED: Object = {"enabled": True, "parentRefs": [{"name": "public"}]}

each = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


@cache
def validator(version: str, api_version: str, kind: str) -> Draft202012Validator:
    """What `kubernetes-validate --strict` makes for each object, made once.

    Raises:
        FileNotFoundError: where that version has no such kind.
    """
    folder = f"kubernetes-json-schema/v{version}.0-local-strict"
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    schema = utils.schema_contents(f"{folder}/{kind.lower()}-{group}.json", version)
    registry = Resource.from_contents(schema) @ definitions(version)
    return Draft202012Validator(schema, registry=registry)


@cache
def definitions(version: str) -> Registry[Any]:
    contents = utils.schema_contents(f"kubernetes-json-schema/v{version}.0-local-strict/_definitions.json", version)
    return Resource.from_contents(contents) @ Registry()


def faults(version: str, found: Object) -> list[str]:
    wrong = validator(version, found["apiVersion"], found["kind"]).iter_errors(found)
    return [f"{found['kind']}/{found['metadata']['name']} {error.json_path}: {error.message}" for error in wrong]


def test_the_validator_here_judges_as_the_real_program_does() -> None:
    for found in (*objects(CASES["everything"]), *objects(CASES["outside"])):
        if found["kind"] not in FOREIGN:
            kubernetes_validate.validate(found, VERSIONS[-1], strict=True)
    wrong: Object = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": {"minAvailabel": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)
    assert list(validator(VERSIONS[-1], wrong["apiVersion"], wrong["kind"]).iter_errors(wrong))


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_object_and_every_field(version: str) -> None:
    everything = [found for case in CASES.values() for found in objects(case) if found["kind"] not in FOREIGN]
    assert [fault for found in everything for fault in faults(version, found)] == []


def test_what_is_not_validated_is_known() -> None:
    judged = Counter(found["kind"] not in FOREIGN for case in CASES.values() for found in objects(case))
    assert judged[True] > 250
    assert {found["kind"] for case in CASES.values() for found in objects(case)} & FOREIGN <= FOREIGN
    assert judged[False] < 20


@each
def test_helm_finds_nothing_to_complain_of(case: Case) -> None:
    report = helm_python.lint(CHART, case.values, strict=True, with_subcharts=True, kube_version=f"v{OLDEST}.0")
    assert report["errors"] == []
    assert [found["error"] for found in report["messages"] if found["severity"] > 1] == []


def test_what_charts_are_made_of_is_there() -> None:
    assert {found["status"] for found in helm_python.dependency_list(CHART)} == {"unpacked"}
    packed = yaml.safe_load((CHART / "Chart.yaml").read_text())
    for chart in packed["dependencies"]:
        own = yaml.safe_load((CHART / "charts" / chart["name"] / "Chart.yaml").read_text())
        assert own["version"] == chart["version"]
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert packed["appVersion"] == version[1]


@pytest.mark.parametrize(
    ("inside", "original"),
    [
        ("Caddyfile", "compose/Caddyfile"),
        ("rules.yaml", "compose/prometheus/rules/titan.yaml"),
        ("dashboard.json", "compose/grafana/dashboards/titan.json"),
    ],
)
def test_the_chart_carries_the_files_of_compose(inside: str, original: str) -> None:
    assert (CHART / "files" / inside).read_bytes() == (ROOT / original).read_bytes()


def test_a_release_called_titan_has_the_names_of_the_runbook() -> None:
    case = CASES["default"]
    deployment, service = one(case, "Deployment/titan-titan-aas"), one(case, "Service/titan-titan-aas")
    assert [port["port"] for port in service["spec"]["ports"]] == [8080]
    assert deployment["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] == "titan-aas"
    ours = [pod for pod in pods(case) if pod.is_ours]
    assert {pod.component for pod in ours} == {"gateway", "read", "write", "projector"}
    assert [pod.of for pod in pods(case) if pod.labels.get("app") == "postgresql"] == ["StatefulSet/titan-postgresql"]


@pytest.mark.skipif(not RUNBOOK.exists(), reason="the runbook lies beside the project")
def test_the_values_of_the_runbook_mean_what_they_say() -> None:
    case = CASES["runbook"]
    (scaled,) = of_kind(case, "HorizontalPodAutoscaler")
    assert scaled["spec"]["scaleTargetRef"]["name"] == "titan-titan-aas-read"
    assert (scaled["spec"]["minReplicas"], scaled["spec"]["maxReplicas"]) == (3, 10)
    assert scaled["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 70
    (reader,) = [pod for pod in pods(case) if pod.component == "read"]
    (container,) = reader.containers
    assert container["image"] == "ghcr.io/your-org/titan-aas:v1.0.0"
    assert container["resources"] == case.values["resources"]
    assert environ(container)["DATABASE_URL"].startswith("postgresql://titan@postgres.example.com:5432/titan?")
    assert environ(container)["REDIS_URL"] == "redis://redis.example.com:6379/0"
    assert environ(container)["OIDC_ISSUER"] == "https://idp.example.com/realms/titan"
    (rule,) = one(case, "Ingress/titan-titan-aas")["spec"]["rules"]
    assert rule["host"] == "aas.example.com"
    assert {found["kind"] for found in objects(case)}.isdisjoint({"StatefulSet", "PodMonitor"})


@pytest.mark.skipif(not RUNBOOK.exists(), reason="the runbook lies beside the project")
def test_our_production_values_say_what_the_runbook_says_and_more() -> None:
    ours, theirs = CASES["production"].values, CASES["runbook"].values
    # The image is that of the chart's own version.
    assert {key: theirs[key] for key in theirs if key != "image"}.items() <= {
        **ours,
        "ingress": {key: ours["ingress"][key] for key in theirs["ingress"]},
    }.items()


@pytest.mark.parametrize(
    "values",
    [
        {"replicas": 3},
        {"replicaCount": "three"},
        {"replicaCount": 0},
        {"read": {"worker": 2}},
        {"image": {"tag": "latest"}},
        {"resources": {"limits": {"memory": None}}},
        {"resources": {"requests": {"memory": "1 Gi"}, "limits": {"memory": "1Gi"}}},
        {"blobStorage": {"type": "ftp"}},
        {"logLevel": "debug"},
        {"settings": {"AWS_SECRET_ACCESS_KEY": "x"}},
        {"settings": {"TITAN_PORT": "80"}},
        {"externalDatabase": {"password": "x"}},
        {"externalDatabase": {"host": "postgresql://postgres"}},
        {"ingress": {"hosts": ["aas.example.com"]}},
        {"backup": {"recipient": "me"}},
        {"httpRoute": {"timeouts": {"request": "5 minutes"}}},
        {"networkPolicy": {"externalCidrs": ["10.0.0.0"]}},
        {"topologySpreadConstraints": [{"maxSkew": 1}]},
        {"postgresql": {"auth": {"postgresPassword": "x"}}},
        {"redis": {"architecture": "standalone"}},
        {"mosquitto": {"enabled": True, "persistence": {}}},
    ],
    ids=str,
)
def test_values_that_mean_nothing_are_refused(values: Object) -> None:
    with pytest.raises(helm_python.HelmError):
        render(values)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"postgresql": {"enabled": False}}, "externalDatabase.host"),
        ({**MANAGED, "externalDatabase": {"host": "postgres"}}, "externalDatabase.existingSecret"),
        ({"redis": {"enabled": False}}, "externalRedis.host"),
        ({"mqtt": {"enabled": True}}, "mqtt.host"),
        ({"blobStorage": {"type": "s3"}}, "blobStorage.s3.bucket"),
        ({"blobStorage": {"type": "azure", "azure": {"container": "x"}}}, "blobStorage.azure.existingSecret"),
        ({"tracing": {"enabled": True}}, "tracing.endpoint"),
        ({"oidc": {"enabled": True}}, "oidc.issuer"),
        ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs"),
        ({"httpRoute": ROUTED}, "networkPolicy.directClients"),
        (
            {**MANAGED, "externalDatabase": {**MANAGED["externalDatabase"], "sslMode": "verify-ca"}},
            "externalDatabase.caSecret",
        ),
    ],
)
def test_what_is_missing_is_named(values: Object, told: str) -> None:
    with pytest.raises(helm_python.HelmRenderError, match=re.escape(told)):
        render(values)


def test_a_gateway_of_the_gateway_api_needs_no_name_where_there_are_no_walls() -> None:
    assert render({"httpRoute": ROUTED, "networkPolicy": {"enabled": False}})


@pytest.mark.parametrize(
    ("mode", "ca", "told"),
    [
        ("require", "", ""),
        ("verify-full", "", "&sslrootcert=system"),
        ("verify-full", "ca", "&sslrootcert=/run/secrets/titan/database-ca/ca.crt"),
        ("verify-ca", "ca", "&sslrootcert=/run/secrets/titan/database-ca/ca.crt"),
    ],
)
def test_whom_the_database_is_checked_against_is_what_libpq_takes(mode: str, ca: str, told: str) -> None:
    """libpq refuses the public authorities for anything but verify-full: anybody can have a certificate of those."""
    there: Object = {**MANAGED["externalDatabase"], "sslMode": mode, "caSecret": ca}
    (reader,) = [pod for pod in pods(Case({**MANAGED, "externalDatabase": there})) if pod.component == "read"]
    url = environ(reader.spec["containers"][0])["DATABASE_URL"]
    assert url.endswith(f"&ssl={mode}{told}")


@pytest.mark.parametrize("chart", [CHART, *sorted((CHART / "charts").iterdir())], ids=lambda chart: chart.name)
def test_every_value_has_a_place_in_the_schema_and_the_other_way_round(chart: Path) -> None:
    schema = yaml.safe_load((chart / "values.schema.json").read_text())

    def compare(values: Object, known: Object, path: str) -> list[str]:
        properties = known.get("properties")
        if properties is None:
            return []
        # What Helm and the chart above add to a chart is no value of its own.
        added = {"global"} if chart == CHART else {"global", "enabled"}
        wrong = [f"{path}{name}" for name in set(values) ^ set(properties) if path or name not in added]
        nested = [name for name in values if isinstance(values[name], dict) and name in properties]
        return wrong + [found for name in nested for found in compare(values[name], properties[name], f"{path}{name}.")]

    assert compare(yaml.safe_load((chart / "values.yaml").read_text()), schema, "") == []


def test_the_notes_say_how_it_is_reached() -> None:
    default = render({})["titan-aas/templates/NOTES.txt"]
    assert "http://titan-titan-aas.titan:8080" in default
    assert "Nobody is asked for a token" in default
    production = render(CASES["production"].values)["titan-aas/templates/NOTES.txt"]
    assert "https://aas.example.com/shells" in production
    assert "3 to 10 readers" in production

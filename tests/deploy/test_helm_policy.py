"""What every object of the chart is held to: nobody is root, secrets are files, and names lead somewhere."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from support.chart_cases import CASES
from support.charts import (
    Case,
    Object,
    Pod,
    environ,
    known_by,
    objects,
    of_kind,
    one,
    pods,
    render,
    selected,
    selects,
)
from titan.config import Settings, variable
from titan.errors import Misconfigured
from titan.http import health
from titan.main import app

each = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))

SECRETS = {
    *("DATABASE_PASSWORD", "REDIS_PASSWORD", "MQTT_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    *("AZURE_STORAGE_CONNECTION_STRING", "AZURE_ACCOUNT_KEY", "AZURE_SAS_TOKEN"),
}
"""What is given as a file, by NAME_FILE, and never as a value."""


def containers(case: Case) -> Iterator[tuple[Pod, Object]]:
    for pod in pods(case):
        for container in pod.containers:
            yield pod, container


def named(case: Case, *kinds: str) -> set[str]:
    return {known_by(found) for found in of_kind(case, *kinds)} | case.given


def walk(value: object) -> Iterator[tuple[str, Any]]:
    """Every key of an object, wherever, with what is under it."""
    match value:
        case dict():
            for key, under in value.items():
                yield key, under
                yield from walk(under)
        case list():
            for under in value:
                yield from walk(under)
        case _:
            pass


@each
def test_nobody_is_root_or_becomes_it(case: Case) -> None:
    for pod, container in containers(case):
        assert pod.spec["securityContext"]["runAsNonRoot"] is True, pod.of
        assert pod.spec["securityContext"]["runAsUser"] >= 100, pod.of
        assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, pod.of
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False, pod.of
        assert own["readOnlyRootFilesystem"] is True, pod.of
        assert own["capabilities"]["drop"] == ["ALL"], pod.of
        # The one that the standard `restricted` lets be added.
        assert set(own["capabilities"].get("add", [])) <= {"NET_BIND_SERVICE"}, pod.of
        assert not {key for key, _ in walk(pod.spec)} & {"hostPath", "hostNetwork", "hostPID", "hostPort"}, pod.of


@each
def test_a_user_of_ours_is_the_one_of_the_image(case: Case) -> None:
    ours = {pod.spec["securityContext"]["runAsUser"] for pod in pods(case) if pod.is_ours}
    assert ours == {10001}


@each
def test_every_container_has_its_share_and_no_more(case: Case) -> None:
    for pod, container in containers(case):
        for bound in ("requests", "limits"):
            assert set(container["resources"][bound]) >= {"cpu", "memory"}, pod.of


@each
def test_no_pod_speaks_to_kubernetes_or_hears_of_services(case: Case) -> None:
    for pod in pods(case):
        assert pod.spec["automountServiceAccountToken"] is False, pod.of
        assert pod.spec["enableServiceLinks"] is False, pod.of
    assert not of_kind(case, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


@each
def test_an_image_is_of_a_version(case: Case) -> None:
    for pod, container in containers(case):
        _, _, tag = container["image"].rpartition(":")
        assert re.fullmatch(r"v?\d+\.\d+[\w.-]*", tag), pod.of


@each
def test_who_runs_on_is_asked_how_it_is(case: Case) -> None:
    probes = ("startupProbe", "readinessProbe", "livenessProbe")
    # Answered before routing and without a token.
    open_to_all = set(health._PATHS)
    for pod in pods(case):
        running = pod.of.startswith(("Deployment/", "StatefulSet/"))
        for container in pod.spec["containers"]:
            assert [name for name in probes if name in container] == (list(probes) if running else []), pod.of
            ports = {port["name"] for port in container.get("ports", [])}
            for probe in (container[name] for name in probes if running):
                assert probe.get("httpGet", probe.get("tcpSocket", {"port": "http"}))["port"] in ports | {"http"}
                assert probe.get("httpGet", {"path": "/health/live"})["path"] in open_to_all


@each
def test_only_readiness_depends_on_the_database(case: Case) -> None:
    tiers = [pod for pod in pods(case) if pod.component in {"read", "write", "projector", "bridge"}]
    for container in (container for pod in tiers for container in pod.spec["containers"]):
        paths = {name: probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")}
        assert paths == {
            "startupProbe": "/health/live",
            "readinessProbe": "/health/ready",
            "livenessProbe": "/health/live",
        }


@each
def test_who_is_to_stop_has_the_time_that_it_takes(case: Case) -> None:
    for pod in pods(case):
        if pod.component in {"read", "write"}:
            told = environ(pod.spec["containers"][0])
            needed = int(told["TITAN_DRAIN_S"]) + int(told["TITAN_SHUTDOWN_S"])
            assert pod.spec["terminationGracePeriodSeconds"] > needed
            (startup,) = [container["startupProbe"] for container in pod.spec["containers"]]
            # As long as a process waits for its database before it listens, and some more.
            assert startup["periodSeconds"] * startup["failureThreshold"] > 60 + 15


DNS_CACHE_S = 30
"""How long CoreDNS and NodeLocal DNSCache keep an address where nobody told them otherwise."""


@each
def test_who_is_to_stop_serves_on_until_the_cluster_has_forgotten_its_address(case: Case) -> None:
    """Our gateway, and what is before it, ask the cluster's DNS whom there is: all they know may be leaving."""
    for pod in pods(case):
        (container, *_) = pod.spec["containers"]
        if pod.component in {"read", "write"}:
            assert int(environ(container)["TITAN_DRAIN_S"]) >= DNS_CACHE_S + 2
        if pod.component == "gateway":
            slept = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
            assert slept >= DNS_CACHE_S + 2
            # And the Caddyfile gives requests 10 s to end.
            assert pod.spec["terminationGracePeriodSeconds"] > slept + 10


@each
def test_secrets_are_files(case: Case) -> None:
    """Whoever sees the manifest of a pod, its environment or its arguments, sees none."""
    for pod, container in containers(case):
        assert "envFrom" not in container, pod.of
        assert all("valueFrom" not in variable for variable in container.get("env", [])), pod.of
        told = environ(container)
        assert not set(told) & SECRETS, pod.of
        assert not [value for value in told.values() if re.search(r"://[^/@:]*:[^/@]*@", value)], pod.of


def mounted(pod: Pod, container: Object) -> Iterator[str]:
    """Paths of the files of Secrets in a container."""
    volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        for item in volumes.get(mount["name"], {}).get("secret", {}).get("items", []):
            assert "subPath" not in mount, "a file that is mounted by itself never changes"
            assert mount["readOnly"] is True
            yield f"{mount['mountPath']}/{item['path']}"


@each
def test_a_file_that_is_named_is_mounted_and_a_secret_that_is_mounted_is_used(case: Case) -> None:
    for pod, container in containers(case):
        said = "\n".join((*environ(container).values(), *container.get("command", []), *container.get("args", [])))
        there = set(mounted(pod, container))
        assert set(re.findall(r"/run/secrets/[\w./-]+", said)) == there, (pod.of, container["name"])


@each
def test_where_hashes_of_passwords_are_made_there_is_room_for_a_work_file(case: Case) -> None:
    """`mosquitto_passwd` writes one into /tmp, whatever file it is to change."""
    for pod, container in containers(case):
        if "mosquitto_passwd" in " ".join(container.get("command", [])):
            empty = {volume["name"] for volume in pod.spec["volumes"] if "emptyDir" in volume}
            places = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            assert places.get("/tmp") in empty, pod.of  # noqa: S108


@each
def test_what_a_pod_refers_to_is_of_the_release_or_was_there(case: Case) -> None:
    for pod in pods(case):
        volumes = pod.spec.get("volumes", [])
        wanted = {f"Secret/{volume['secret']['secretName']}" for volume in volumes if "secret" in volume}
        wanted |= {f"ConfigMap/{volume['configMap']['name']}" for volume in volumes if "configMap" in volume}
        claims = [volume["persistentVolumeClaim"] for volume in volumes if "persistentVolumeClaim" in volume]
        wanted |= {f"PersistentVolumeClaim/{claim['claimName']}" for claim in claims}
        wanted |= {f"Secret/{secret['name']}" for secret in pod.spec.get("imagePullSecrets", [])}
        if "serviceAccountName" in pod.spec:
            wanted.add(f"ServiceAccount/{pod.spec['serviceAccountName']}")
        there = named(case, "Secret", "ConfigMap", "PersistentVolumeClaim", "ServiceAccount")
        assert wanted - there == set(), pod.of
        if pod.hook.startswith("pre-"):
            assert wanted <= case.given, "before the release there is nothing of it"
        mounts = {mount["name"] for container in pod.containers for mount in container.get("volumeMounts", [])}
        templates = one(case, pod.of)["spec"].get("volumeClaimTemplates", [])
        assert mounts == {volume["name"] for volume in volumes} | {claim["metadata"]["name"] for claim in templates}


@each
def test_a_host_that_is_named_is_a_service_on_that_port_or_outside(case: Case) -> None:
    services = {service["metadata"]["name"]: service for service in of_kind(case, "Service")}
    for pod, container in containers(case):
        for host, port in addresses(container):
            if host not in case.hosts:
                assert host in services, pod.of
                assert port in {known["port"] for known in services[host]["spec"]["ports"]}, (pod.of, host)


def addresses(container: Object) -> Iterator[tuple[str, int]]:
    """Servers of the installation that a container is told of."""
    told = environ(container)
    where = [told[name] for name in ("DATABASE_URL", "REDIS_URL") if name in told]
    for said in (*where, *container.get("args", [])):
        if found := re.search(r"://(?:[^/@]*@)?([\w.-]+):(\d+)", said):
            yield found[1], int(found[2])
    if "MQTT_BROKER" in told:
        yield told["MQTT_BROKER"], int(told["MQTT_PORT"])
    for tier in (told.get("TITAN_READ", ""), told.get("TITAN_WRITE", "")):
        yield from ((host, int(port)) for host, port in re.findall(r"^to (\S+):(\d+)$", tier, re.MULTILINE))
        yield from ((host, int(port)) for host, port in re.findall(r"name (\S+)\s+port (\d+)", tier))


@each
def test_a_service_leads_to_the_pods_of_one_tier_and_to_a_port_of_theirs(case: Case) -> None:
    for service in of_kind(case, "Service"):
        behind = selected(case, service)
        assert len({pod.component for pod in behind}) == 1, service["metadata"]["name"]
        ports = {port["name"] for pod in behind for container in pod.containers for port in container.get("ports", [])}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


@each
def test_a_pod_without_a_service_of_its_own_gets_the_port_that_its_name_says(case: Case) -> None:
    """Addresses of a headless Service are those of pods: its port must be theirs."""
    for service in of_kind(case, "Service"):
        if service["spec"].get("clusterIP") == "None":
            assert [port["port"] for port in service["spec"]["ports"]] == [8080]


@each
def test_whoever_starts_scales_or_guards_pods_finds_its_own(case: Case) -> None:
    for found in of_kind(case, "Deployment", "StatefulSet"):
        mine = [pod.of for pod in pods(case) if selects(found["spec"]["selector"], pod.labels)]
        assert mine == [known_by(found)]
    for found in of_kind(case, "HorizontalPodAutoscaler"):
        target = found["spec"]["scaleTargetRef"]
        assert "replicas" not in one(case, f"{target['kind']}/{target['name']}")["spec"]
    for found in of_kind(case, "PodDisruptionBudget"):
        mine = [pod for pod in pods(case) if selects(found["spec"]["selector"], pod.labels)]
        assert len(mine) == 1
    for found in of_kind(case, "Ingress"):
        backends = [under for key, under in walk(found["spec"]) if key == "service"]
        assert all(one(case, f"Service/{backend['name']}") for backend in backends)


@each
def test_each_process_is_scraped_once(case: Case) -> None:
    for monitor in of_kind(case, "ServiceMonitor"):
        scraped = [
            service
            for service in of_kind(case, "Service")
            if selects(monitor["spec"]["selector"], service["metadata"]["labels"])
        ]
        assert {service["metadata"]["labels"]["app.kubernetes.io/name"] for service in scraped} == {"titan-aas"}
        tiers = {pod.component for pod in pods(case)} & {"read", "write", "projector", "bridge"}
        assert sorted(pod.component for service in scraped for pod in selected(case, service)) == sorted(tiers)


@each
def test_what_is_scraped_has_the_labels_that_rules_and_dashboard_ask_for(case: Case) -> None:
    """Prometheus' own configuration for compose gives the same: the job titan-aas, and `tier` for each process."""
    for monitor in of_kind(case, "ServiceMonitor"):
        scraped = [found for found in of_kind(case, "Service") if "titan-aas/scraped" in found["metadata"]["labels"]]
        job = monitor["spec"]["jobLabel"]
        assert {service["metadata"]["labels"][job] for service in scraped} == {"titan-aas"}
        for endpoint in monitor["spec"]["endpoints"]:
            (relabeling,) = endpoint["relabelings"]
            assert relabeling == {
                "sourceLabels": ["__meta_kubernetes_pod_label_app_kubernetes_io_component"],
                "targetLabel": "tier",
            }
        behind = {pod.component for service in scraped for pod in selected(case, service)}
        assert {pod.labels["app.kubernetes.io/component"] for pod in pods(case) if pod.component in behind} == behind


@each
def test_names_are_not_longer_than_kubernetes_takes_them(case: Case) -> None:
    for found in objects(case):
        assert len(found["metadata"]["name"]) <= {"CronJob": 52}.get(found["kind"], 63), known_by(found)
    assert len({known_by(found) for found in objects(case)}) == len(objects(case))


@each
def test_titan_takes_the_settings_and_arguments_that_it_is_given(case: Case) -> None:
    known = {variable(name) for name in Settings.__struct_fields__} | {f"{secret}_FILE" for secret in SECRETS}
    for pod, container in containers(case):
        if not pod.is_ours or pod.component == "gateway":
            continue
        told = environ(container)
        assert set(told) - known == set(), pod.of
        # That one is said in the notes, too.
        assert refusal(told) == "" or "does not check tokens yet" in refusal(told), pod.of
        app.parse_args(container["args"], exit_on_error=False, print_error=False)


def refusal(told: dict[str, str]) -> str:
    """What a process says that does not start with these settings; nothing where it does."""
    mounted = {name: __file__ for name in told if name.removesuffix("_FILE") in SECRETS}
    try:
        Settings.load(told | mounted)
    except Misconfigured as error:
        return str(error)
    return ""


@each
def test_the_notes_say_that_the_processes_will_not_start(case: Case) -> None:
    (reader,) = [pod for pod in pods(case) if pod.component == "read"]
    stops = refusal(environ(reader.spec["containers"][0])) != ""
    notes = render(case.values, release=case.release)["titan-aas/templates/NOTES.txt"]
    assert ("stop at the" in " ".join(notes.split())) is stops


def test_the_values_for_production_start_where_nobody_is_to_be_asked_for_a_token() -> None:
    """RUNBOOK.md says so: as they are, they wait for a version that checks tokens."""
    case = CASES["production"]
    for values, starts in ((case.values, False), ({**case.values, "authMode": "anonymous"}, True)):
        tiers = [pod for pod in pods(Case(values)) if pod.component in {"read", "write"}]
        assert {refusal(environ(pod.spec["containers"][0])) == "" for pod in tiers} == {starts}


def test_where_postgresql_comes_with_the_release_every_pod_migrates_and_else_a_job_before_it() -> None:
    for name, case in CASES.items():
        itself = {pod.component for pod in pods(case) if "initContainers" in pod.spec and pod.is_ours}
        hooks = {pod.component: pod.hook for pod in pods(case) if pod.hook}
        if "externalDatabase" in case.values:
            assert (itself, hooks["migrate"]) == (set(), "pre-install,pre-upgrade"), name
        else:
            assert itself == {pod.component for pod in pods(case)} & {"read", "write", "projector", "bridge"}, name
            assert "migrate" not in hooks, name


def test_a_password_that_is_made_up_stays_when_the_release_goes() -> None:
    """That an upgrade finds it again needs a cluster to look in."""
    for secret in of_kind(CASES["everything"], "Secret"):
        assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
        assert len(secret["data"]["password"]) > 40

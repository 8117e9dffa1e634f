"""What RUNBOOK.md says to type to Docker and to a cluster names what is there.

Neither an engine nor a cluster is here: services, profiles, flags and files are looked for in the rendered compose
files, objects, labels and values in the rendered charts.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from cyclopts import CycloptsError

from support.chart_cases import CASES
from support.charts import CHART, Case, known_by, objects, of_kind, pods, selects
from support.commands import Line, lines
from support.composed import FILE, PROFILES, PROGRAM, everything, is_ours, project
from support.runbook import ROOT, Block, blocks
from titan.main import app

OTHERS = {"uv", "cp", "cd", "printf", "export", "./secrets.sh", "compose/secrets.sh", "openssl"}
"""What is typed beside Docker."""

WITH_VALUE = {"-f", "--file", "--profile", "--scale", "--tail", "-n", "-l", "-v", "-o", "--port", "--replicas"}
SHORT = {
    "pod": "Pod",
    "pods": "Pod",
    "svc": "Service",
    "hpa": "HorizontalPodAutoscaler",
    "deployment": "Deployment",
    "namespace": "Namespace",
    "secret": "Secret",
}
EVERYTHING = [found for case in CASES.values() for found in objects(case)]


def typed(kind: str, program: str) -> list[tuple[Block, Line]]:
    return [(block, line) for block in blocks(kind) for line in lines(block) if line.words[:1] == (program,)]


def name(one: object) -> str:
    return f"line {one.line}" if isinstance(one, Block) else " ".join(one.words[:6]) if isinstance(one, Line) else ""


composed = pytest.mark.parametrize(("block", "line"), typed("bash compose", "docker"), ids=name)
clustered = pytest.mark.parametrize(
    ("block", "line"), [*typed("bash cluster", "kubectl"), *typed("bash cluster", "helm")], ids=name
)


@cache
def flags_of(command: str) -> str:
    """What `docker compose COMMAND --help` says of its flags; those of all commands where it is empty."""
    told = subprocess.run(
        [PROGRAM, *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    return told.stdout


def parted(line: Line) -> tuple[list[str], str, list[str], list[str]]:
    """Flags before the command, the command, its flags, and what it is about with all behind that."""
    words = list(line.words[2:])
    before = list(_flags(words))
    command = words.pop(0)
    return before, command, list(_flags(words)), words


def _flags(words: list[str]) -> Iterator[str]:
    """Take flags, with their values, from the front."""
    while words and words[0].startswith("-") and words[0] != "-":
        flag = words.pop(0)
        # `logs -f` follows; before the command, `-f` is a file.
        if "=" not in flag and flag in WITH_VALUE and words and not _follows(flag, words):
            flag = f"{flag}={words.pop(0)}"
        yield flag


def _follows(flag: str, words: list[str]) -> bool:
    return flag == "-f" and not words[0].endswith((".yaml", ".yml"))


@composed
def test_a_command_of_compose_is_one_and_knows_its_flags(block: Block, line: Line) -> None:
    assert line.words[:2] == ("docker", "compose")
    before, command, flags, about = parted(line)
    # What stands behind a container is for the program in it.
    behind = [] if command in {"exec", "run"} else [word for word in about if word.startswith("-")]
    for of, given in (("", before), (command, [*flags, *behind])):
        for flag in (one.partition("=")[0] for one in given):
            assert re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", flags_of(of)), f"{command} {flag}"


@composed
def test_a_command_of_compose_finds_its_file_its_profiles_and_its_services(block: Block, line: Line) -> None:
    before, command, flags, about = parted(line)
    files = [flag.partition("=")[2] for flag in before if flag.startswith("-f=")]
    where = ROOT / line.directory
    assert [(where / file).resolve() for file in files] == [FILE] or (not files and (where / "compose.yaml") == FILE)
    assert {flag.partition("=")[2] for flag in before if flag.startswith("--profile=")} <= set(PROFILES)
    named = about[:1] if command in {"exec", "run"} else [word for word in about if not word.startswith("-")]
    assert set(named) <= set(everything())
    scaled = [flag.partition("=")[2].partition("=")[0] for flag in flags if flag.startswith("--scale=")]
    assert all("ports" not in everything()[service] for service in scaled)


@composed
def test_what_is_run_in_a_container_is_what_its_image_has(block: Block, line: Line) -> None:
    _, command, _, about = parted(line)
    if command == "run":
        assert is_ours(everything()[about[0]])
        app.parse_args(about[1:], exit_on_error=False, print_error=False)
    if command == "exec":
        assert about[0] == "postgres"
        assert about[1] in {"psql", "pg_dump", "pg_isready"}
        told = everything()["postgres"]["environment"]
        assert about[about.index("-U") + 1] == told["POSTGRES_USER"]


@pytest.mark.parametrize("block", blocks("bash compose"), ids=name)
def test_what_is_typed_beside_docker_is_there(block: Block) -> None:
    secrets = {Path(secret["file"]) for secret in project("full")["secrets"].values()}
    for line in lines(block):
        if not line.words or line.words[0] == "docker":
            continue
        assert line.words[0] in OTHERS
        where = ROOT / line.directory
        if line.words[0].endswith(".sh"):
            assert os.access(where / line.words[0], os.X_OK)
        if line.words[0] in {"cp", "cd"}:
            assert (where / (line.words[1] if line.words[0] == "cp" else "")).exists()
        if "secrets/" in line.written:
            assert ROOT / line.written in secrets
        for told in re.findall(r"_FILE=(\S+)", " ".join(line.words)):
            assert ROOT / told in secrets


def test_the_runbook_is_taken_apart_whole() -> None:
    """A command that is not seen is not held to anything."""
    for kind, program in (("bash compose", "docker compose "), ("bash cluster", "kubectl "), ("bash cluster", "helm ")):
        written = sum(block.text.count(program) for block in blocks(kind))
        assert written == len(typed(kind, program.split()[0])) > 1, (kind, program)


@clustered
def test_a_command_of_a_cluster_finds_its_objects(block: Block, line: Line) -> None:
    options = line.options
    assert options.get("-n", ["titan"]) == ["titan"]
    for selector in options.get("-l", []):
        # What a Deployment gives its pods beside their own labels.
        labels = dict(pair.split("=") for pair in selector.removesuffix(",pod-template-hash").split(","))
        assert any(selects({"matchLabels": labels}, pod.labels) for case in CASES.values() for pod in pods(case))
    for kind, named in objects_named(line):
        there = {known_by(found) for found in EVERYTHING} | {given for case in CASES.values() for given in case.given}
        assert f"{kind}/{named}" in there or (kind, named) == ("Namespace", "titan"), (kind, named)
    for kind in kinds_named(line):
        assert kind in {found["kind"] for found in EVERYTHING} | {"Pod", "Namespace"}


def pods_of(case: Case, labels: dict[str, str]) -> int:
    """How many pods run, at most, that have these labels."""
    most = {
        found["spec"]["scaleTargetRef"]["name"]: found["spec"]["maxReplicas"]
        for found in of_kind(case, "HorizontalPodAutoscaler")
    }
    return sum(
        most.get(found["metadata"]["name"]) or found["spec"]["replicas"]
        for found in of_kind(case, "Deployment", "StatefulSet")
        if selects({"matchLabels": labels}, found["spec"]["template"]["metadata"]["labels"])
    )


@clustered
def test_logs_that_are_followed_are_not_of_more_pods_than_kubectl_follows(block: Block, line: Line) -> None:
    options = line.options
    if line.words[:2] == ("kubectl", "logs") and "-f" in options:
        [selector] = options["-l"]
        labels = dict(pair.split("=") for pair in selector.split(","))
        at_once = int(options.get("--max-log-requests", ["5"])[0])
        assert max(pods_of(case, labels) for case in CASES.values()) <= at_once
        assert "--prefix" in options


def objects_named(line: Line) -> Iterator[tuple[str, str]]:
    """Kind and name of each object that a command is about."""
    words = [word for word in line.words if not word.startswith("-")]
    for word in words:
        kind, slash, named = word.partition("/")
        if slash and kind in SHORT:
            yield SHORT[kind], named
    match words:
        case ["kubectl", "create", "namespace", named, *_]:
            yield "Namespace", named
        case ["kubectl", "create", "secret", "generic", named, *_]:
            yield "Secret", named
        case ["kubectl", "scale", kind, named, *_] if "=" not in named:
            yield SHORT[kind], named
        case _:
            pass


def kinds_named(line: Line) -> Iterator[str]:
    match line.words:
        case ("kubectl", "get" | "top", kind, *_) | ("kubectl", "rollout", "restart", kind, *_):
            yield SHORT[kind]
        case _:
            pass


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
def test_the_job_that_restores_is_the_one_that_backs_up_with_other_arguments() -> None:
    [block] = [block for block in blocks("bash cluster") if "restore" in block.text]
    making, patching = [line for line in lines(block) if line.words[1] in {"create", "patch"}][:2]
    [(made_of, job)] = [
        (word.partition("=")[2], making.words[3]) for word in making.words if word.startswith("--from=")
    ]
    assert f"job/{job}" in block.text
    for case in (CASES["production"], CASES["everything"]):
        [cron] = [found for found in of_kind(case, "CronJob") if f"cronjob/{found['metadata']['name']}" == made_of]
        # As `kubectl create job --from` makes it.
        template = cron["spec"]["jobTemplate"]
        named = {**template["metadata"], "name": job}
        given = {"apiVersion": "batch/v1", "kind": "Job", "metadata": named, "spec": template["spec"]}
        words = [word if word != "job.yaml" else "-" for word in patching.words]
        done = subprocess.run(words, input=yaml.safe_dump(given), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        patched = yaml.safe_load(done.stdout)
        kubernetes_validate.validate(patched, "1.28", strict=True)
        [container] = patched["spec"]["template"]["spec"]["containers"]
        [before] = template["spec"]["template"]["spec"]["containers"]
        assert {**before, "args": container["args"]} == container
        assert container["args"] != before["args"]
        app.parse_args(container["args"], exit_on_error=False, print_error=False)
        assert container["args"][-1] in {mount["mountPath"] for mount in container["volumeMounts"]}
        assert patched["spec"]["template"]["metadata"]["labels"] == template["spec"]["template"]["metadata"]["labels"]


@clustered
def test_a_port_that_is_forwarded_is_one_of_the_service(block: Block, line: Line) -> None:
    if line.words[1] == "port-forward":
        [(kind, named)] = objects_named(line)
        port = int(line.words[3].partition(":")[2])
        services = [found for found in EVERYTHING if known_by(found) == f"{kind}/{named}"]
        assert port in {known["port"] for found in services for known in found["spec"]["ports"]}


@pytest.mark.parametrize(("block", "line"), typed("bash cluster", "helm"), ids=name)
def test_a_command_of_helm_finds_its_chart_its_values_and_the_names_that_follow(block: Block, line: Line) -> None:
    _, verb, release, chart, *_ = line.words
    assert verb in {"install", "upgrade"}
    # Names of objects, here and in the runbook, are those of this release.
    assert release == "titan"
    assert ROOT / chart == CHART
    for values in line.options.get("-f", []):
        assert (ROOT / values).exists()
        assert (ROOT / values).parent == CHART


def test_the_secret_that_is_rotated_is_the_one_of_the_values_for_production() -> None:
    values = yaml.safe_load((CHART / "values-production.yaml").read_text())
    named = [
        named for _, line in typed("bash cluster", "kubectl") for kind, named in objects_named(line) if kind == "Secret"
    ]
    assert named == [values["externalDatabase"]["existingSecret"]]


@pytest.mark.parametrize(
    "command",
    [
        "docker compose -f compose/compose.yml ps",
        "docker compose ps",
        "docker compose -f compose/compose.yaml up -d raed",
        "docker compose -f compose/compose.yaml up -d --scale gateway=3",
        "docker compose -f compose/compose.yaml logs write --tial=50",
        "docker compose -f compose/compose.yaml --profile al up",
        "docker compose -f compose/compose.yaml exec postgres psql -U postgres",
        "docker compose -f compose/compose.yaml run --rm titan rebuidl",
        "docker compose -f compose/compose.yaml run --rm postgres verify",
        "kubectl get pods -n default",
        "kubectl logs -l app.kubernetes.io/name=titan -n titan",
        "kubectl logs -f -l app.kubernetes.io/name=titan-aas -n titan",
        "kubectl scale deployment titan-read --replicas=5 -n titan",
        "kubectl port-forward svc/titan-titan-aas 8080:80 -n titan",
        "helm install titan charts/titan-aas -n titan",
        "helm upgrade titan helm/titan-aas -n titan -f helm/titan-aas/values-prod.yaml",
    ],
)
def test_a_command_that_is_wrong_is_found(command: str) -> None:
    block = Block("", command, 1)
    [line] = lines(block)
    with pytest.raises((AssertionError, CycloptsError, KeyError)):
        hold(block, line)


def hold(block: Block, line: Line) -> None:
    """Hold a command to everything that is said here of those of its program."""
    if line.words[0] == "docker":
        test_a_command_of_compose_is_one_and_knows_its_flags(block, line)
        test_a_command_of_compose_finds_its_file_its_profiles_and_its_services(block, line)
        test_what_is_run_in_a_container_is_what_its_image_has(block, line)
    elif line.words[0] == "kubectl":
        test_a_command_of_a_cluster_finds_its_objects(block, line)
        test_logs_that_are_followed_are_not_of_more_pods_than_kubectl_follows(block, line)
        test_a_port_that_is_forwarded_is_one_of_the_service(block, line)
    else:
        test_a_command_of_helm_finds_its_chart_its_values_and_the_names_that_follow(block, line)

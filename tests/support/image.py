"""compose/Dockerfile taken apart, and the Python part of its build done again without an engine.

What takes one is not done: base images are not fetched, and no layer is made. The commands of the build stage run in a
directory that stands for the file system of the image.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "compose" / "Dockerfile"
IGNORE = ROOT / ".dockerignore"


class Step(Struct, frozen=True):
    """An instruction."""

    stage: int
    """Counted from 0; what stands before the first is of stage -1."""
    word: str
    rest: str


def steps() -> list[Step]:
    """Every instruction, in its order."""
    return list(_steps())


def _steps() -> Iterator[Step]:
    stage = -1
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            stage += word == "FROM"
            yield Step(stage, word, rest.strip())


def of(word: str, *, stage: int | None = None) -> list[str]:
    """What stands behind an instruction, each time that it is there."""
    return [step.rest for step in steps() if step.word == word and stage in {None, step.stage}]


def variables(word: str, *, stage: int) -> dict[str, str]:
    """What `ENV` or `LABEL` set."""
    return dict(pair.split("=", 1) for rest in of(word, stage=stage) for pair in shlex.split(rest))


def health_command() -> list[str]:
    """What asks a container how it is."""
    [check] = of("HEALTHCHECK")
    return msgspec.json.decode(check[check.index("CMD ") + 4 :], type=list[str])


def sources() -> list[str]:
    """What the build takes from the project."""
    taken = [rest.split()[:-1] for rest in of("COPY") if not rest.startswith("--from=")]
    return [name for names in taken for name in names]


def let_in() -> set[str]:
    """What .dockerignore leaves of the project; it leaves nothing that it does not name."""
    lines = [line for line in IGNORE.read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    return {line[1:] for line in lines if line.startswith("!")}


class Built(Struct, frozen=True):
    """What the build made."""

    home: Path
    """Stands for /opt/titan."""
    environ: dict[str, str]
    """What the image sets, with that directory in the place of its own."""

    @property
    def packages(self) -> Path:
        [found] = self.home.glob("lib/python3*/site-packages")
        return found

    def program(self, name: str) -> str:
        return str(self.home / "bin" / name)


def build(directory: Path, *, python: str, uv: Path) -> Built:
    """Do what the build stage does; its sources are gone when this comes back."""
    source, home, tools = directory / "src", directory / "opt", directory / "tools"
    tools.mkdir(parents=True)
    (tools / "uv").symlink_to(uv)
    told = {
        **{name: _moved(value, home) for name, value in variables("ENV", stage=0).items()},
        # In the base image there is one Python.
        "UV_PYTHON": python,
        "PATH": f"{tools}:{os.environ['PATH']}",
    }
    environ = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "UV_PROJECT"}}
    for step in steps():
        if step.stage != 0:
            continue
        if step.word == "COPY":
            *taken, target = step.rest.split()
            _copy(taken, source, target)
        elif step.word == "RUN" and not step.rest.startswith("pip install"):
            _run(_moved(step.rest, home), source, {**environ, **told})
    shutil.rmtree(source)
    set_by_image = {name: _moved(value, home) for name, value in variables("ENV", stage=1).items()}
    set_by_image["PATH"] = set_by_image["PATH"].replace("$PATH", os.environ["PATH"])
    return Built(home, set_by_image)


def _moved(text: str, home: Path) -> str:
    return text.replace("/opt/titan", str(home))


def _copy(taken: list[str], source: Path, target: str) -> None:
    source.mkdir(exist_ok=True)
    for name in taken:
        to = source / target / (name if len(taken) > 1 or target == "./" else "")
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(ROOT / name, to)


def _run(command: str, source: Path, environ: Mapping[str, str]) -> None:
    done = subprocess.run(
        ["sh", "-ec", command], cwd=source, env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def installed(packages: Path) -> dict[str, str]:
    """Names, as the index writes them, and versions of what is in a directory of packages."""
    found = [path.name.removesuffix(".dist-info").rpartition("-") for path in packages.glob("*.dist-info")]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, _, version in found}

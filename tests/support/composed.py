"""compose/ as Docker Compose reads it: rendered by its own program, without an engine."""

import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "compose"
FILE = COMPOSE / "compose.yaml"
PROGRAM = Path(sys.executable).with_name("docker-compose")
PROFILES = ("full", "tools")

Service = dict[str, Any]
"""A service, every short form written out."""

_INTERPOLATED = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+):-([^}]*)\}")


def config(
    *words: str, file: Path = FILE, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`docker compose WORD… config`, in an environment that nothing of this machine is in."""
    return subprocess.run(
        [PROGRAM, "--env-file", "/dev/null", "-f", file, *words, "config", "--format", "json"],
        env={"PATH": "/usr/bin:/bin", **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )


@cache
def project(*profiles: str) -> dict[str, Any]:
    """Everything that these profiles start, with its secrets, volumes and networks."""
    done = config(*(word for profile in profiles for word in ("--profile", profile)))
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout)


def services(*profiles: str) -> dict[str, Service]:
    """By name; without profiles, what starts where none is named."""
    return project(*profiles)["services"]


def everything() -> dict[str, Service]:
    return services(*PROFILES)


def is_ours(service: Service) -> bool:
    """Whether it is of the image that compose/Dockerfile makes."""
    return "build" in service


def environ(service: Service) -> dict[str, str]:
    return service.get("environment") or {}


def published(service: Service) -> set[tuple[str, int, int]]:
    """Address and port of this machine, and the port behind it."""
    return {(port["host_ip"], int(port["published"]), port["target"]) for port in service.get("ports", [])}


def mounts(service: Service) -> dict[str, dict[str, Any]]:
    """By place; what is in memory is of the type `tmpfs`."""
    in_memory = {entry.partition(":")[0]: {"type": "tmpfs"} for entry in service.get("tmpfs", [])}
    return in_memory | {mount["target"]: mount for mount in service.get("volumes", [])}


def interpolated() -> dict[str, str]:
    """What compose.yaml takes from the environment, with the default; everything has one, and one only."""
    found = set(_INTERPOLATED.findall(FILE.read_text()))
    assert len(found) == len(dict(found))
    return dict(found)


def example() -> dict[str, str]:
    """What .env.example says."""
    lines = (COMPOSE / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

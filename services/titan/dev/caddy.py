"""The gateway: Caddy with the Caddyfile that deployments use too."""

import shutil
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from titan.dev.processes import Command
from titan.errors import Misconfigured

CADDYFILE = Path(__file__).resolve().parents[3] / "compose" / "Caddyfile"


def find_program(*, search_path: str) -> Path:
    """The wheel's Caddy, else the machine's.

    Raises:
        Misconfigured: where there is none.
    """
    of_the_wheel = Path(sysconfig.get_path("scripts")) / "caddy"
    if of_the_wheel.exists():
        return of_the_wheel
    found = shutil.which("caddy", path=search_path)
    if found is None:
        raise Misconfigured(
            "No Caddy was found, which is the gateway in front of replicas. Install the dependency group `embedded`, "
            "or caddy on the machine."
        )
    return Path(found)


def command(
    program: Path,
    directory: Path,
    *,
    host: str,
    port: int,
    read: Sequence[str],
    write: Sequence[str],
    caddyfile: Path = CADDYFILE,
) -> Command:
    """The gateway on one address before the tiers, given as HOST:PORT. Speaks through our own output.

    Raises:
        Misconfigured: where the Caddyfile is not there, as in an installation without a checkout.
    """
    if not caddyfile.exists():
        raise Misconfigured(f"{caddyfile} is not there: replicas behind one port need a checkout of the project.")
    directory.mkdir(parents=True, exist_ok=True)
    return Command(
        name="gateway",
        argv=(str(program), "run", "--config", str(caddyfile), "--adapter", "caddyfile"),
        environ={
            "HOME": str(directory),
            "XDG_CONFIG_HOME": str(directory),
            "XDG_DATA_HOME": str(directory),
            "TITAN_HOST": host,
            "TITAN_PORT": str(port),
            "TITAN_READ": " ".join(("to", *read)),
            "TITAN_WRITE": " ".join(("to", *write)),
        },
        cwd=directory,
    )

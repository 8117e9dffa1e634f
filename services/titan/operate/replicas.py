"""Where replicas are, as an operator names them."""

import asyncio
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from titan.errors import Unavailable


async def each(urls: Sequence[str]) -> list[str]:
    """The URLs by every address that their names have: a headless Service of Kubernetes has those of all its pods.

    Raises:
        Unavailable: where nobody knows a name, as that of a Service without a pod that is ready.
    """
    found: list[str] = []
    for url in urls:
        parts = urlsplit(url)
        try:
            known = await asyncio.get_running_loop().getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
        except OSError as error:
            message = f"Nobody knows an address of {parts.hostname}."
            raise Unavailable(message) from error
        for *_, (host, *_) in known:
            netloc = f"[{host}]" if ":" in str(host) else str(host)
            found.append(urlunsplit(parts._replace(netloc=f"{netloc}:{parts.port}" if parts.port else netloc)))
    return found

"""Calls to those who carry operations out, on behalf of clients who must not thereby reach what only this server can.

Whoever may store a submodel chooses the URL, so nothing is called that the operator has not allowed. A name is looked
up once, judged by the address that was found, and that address is connected to, so that it cannot become another one
in between. Redirects are not followed, the environment's proxies are passed by, nothing is kept from one call to the
next, and an answer is read no further than its limit.
"""

import asyncio
import re
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import httpx
from msgspec import Struct

from titan.errors import Invalid, Misconfigured
from titan.observability.traces import current

RESOLVE_S = 5.0
"""How long the look-up of a name may take."""

_NAME = re.compile(r"\*|(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*").fullmatch
_WITH_PORT = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+):([0-9]{1,5})").fullmatch
_NAT64: Final = IPv6Network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


class Unanswered(Exception):
    """The target did not do what was asked; the sentence says why, and is fit for a client."""


class Allowed(Struct, frozen=True):
    """What one entry of the list of targets allows."""

    name: str = ""
    """A name, `*.` and a name for all below it, or `*`; empty where it is a network."""
    network: IPv4Network | IPv6Network | None = None
    port: int | None = None
    """None for any."""

    def fits(self, host: str) -> bool:
        """Whether a host is allowed by its name."""
        return self.name in {host, "*"} or (self.name.startswith("*.") and host.endswith(self.name[1:]))

    def allows(self, host: str, address: Address, port: int) -> bool:
        """Whether a host may be called at this address: one that is private must be named as it is, or its network."""
        if self.port not in {None, port}:
            return False
        if self.network is not None:
            return address in self.network
        return self.fits(host) and (self.name == host or is_public(address))


def read_targets(text: str) -> tuple[Allowed, ...]:
    """Read a list of targets, separated by commas.

    Raises:
        Misconfigured: where an entry is neither a host nor a network.
    """
    return tuple([_entry(part.strip().lower()) for part in text.split(",") if part.strip()])


def _entry(text: str) -> Allowed:
    found = _WITH_PORT(text)
    host, port = (found[1], int(found[2])) if found else (text, None)
    try:
        return Allowed(network=ip_network(host.strip("[]"), strict=False), port=port)
    except ValueError as error:
        if _NAME(host):
            return Allowed(name=host, port=port)
        message = (
            f"TITAN_OPERATION_TARGETS has {text!r}: an entry is a host, *.domain, an address or a network, "
            "without http:// and without a path; a port may follow, such as plc7.plant.example:8443."
        )
        raise Misconfigured(message) from error


def is_public(address: Address) -> bool:
    """Whether an address belongs to the internet at large, also where it wraps one of IPv4."""
    if isinstance(address, IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            wrapped = IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(wrapped)
    return address.is_global and not address.is_multicast and not address.is_reserved


class Target(Struct, frozen=True):
    """Somebody who may be called."""

    url: httpx.URL
    address: str | None
    """None where the name is not known, or nobody said in time."""


class Delegation:
    """Finds and calls targets."""

    def __init__(self, targets: Sequence[Allowed], *, limit_bytes: int) -> None:
        self._targets = targets
        self._limit_bytes = limit_bytes
        # Connections are not kept: one to an address was made for the name in one URL, and proves nothing for another.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._transport = httpx.AsyncHTTPTransport(trust_env=False, limits=limits)

    async def close(self) -> None:
        """Give up what is open."""
        await self._transport.aclose()

    async def target(self, text: str) -> Target:
        """Judge where an operation says that it is carried out.

        Raises:
            Invalid: where that is no URL that may be called.
        """
        url = _url(text)
        host, port = _host(url), url.port or (443 if url.scheme == "https" else 80)
        self._expect_known(host, port)
        addresses = await _addresses(host, port)
        chosen = next((one for one in addresses if self._allows(host, one, port)), None)
        if chosen is None and addresses:
            message = (
                f"The operation is delegated to {host}, which is not at an address that this server may call: "
                "TITAN_OPERATION_TARGETS must name it as it is, or its network."
            )
            raise Invalid(message)
        return Target(url, str(chosen) if chosen else None)

    def _expect_known(self, host: str, port: int) -> None:
        """Refuse what no look-up can make right, before somebody else's name server hears of it."""
        if not self._targets:
            message = (
                f"The operation is delegated to {host}, and this server calls nobody: an operator allows it by "
                f"TITAN_OPERATION_TARGETS={host}:{port}."
            )
            raise Invalid(message)
        if not any(entry.network is not None or entry.fits(host) for entry in self._targets):
            message = f"The operation is delegated to {host}, which is not among TITAN_OPERATION_TARGETS."
            raise Invalid(message)

    def _allows(self, host: str, address: Address, port: int) -> bool:
        return any(entry.allows(host, address, port) for entry in self._targets)

    async def ask(self, target: Target, body: bytes) -> bytes:
        """Post JSON to a target; gives what it answers, an empty array where that is nothing.

        Raises:
            Unanswered: where it answers anything but success, or not at all.
        """
        if target.address is None:
            raise Unanswered("The name of the target's host is not known.")
        headers = {
            "host": target.url.netloc.decode("ascii"),
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": "titan-aas",
        }
        if traceparent := current():
            headers["traceparent"] = traceparent
        request = httpx.Request(
            "POST",
            target.url.copy_with(host=target.address),
            headers=headers,
            content=body,
            # Whose certificate it must be, and which name is asked for in the greeting.
            extensions={"sni_hostname": target.url.raw_host.decode("ascii")},
        )
        try:
            response = await self._transport.handle_async_request(request)
            try:
                return await self._read(response) or b"[]"
            finally:
                await response.aclose()
        except httpx.ConnectError as error:
            raise Unanswered("The target cannot be reached.") from error
        except httpx.HTTPError as error:
            raise Unanswered("The target broke off, or does not speak HTTP.") from error

    async def _read(self, response: httpx.Response) -> bytes:
        if response.is_redirect:
            raise Unanswered("The target answered with a redirect; none is followed.")
        if not response.is_success:
            raise Unanswered(f"The target answered with status {response.status_code}.")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise Unanswered("The target answered in a compression that nobody asked for.")
        pieces: list[bytes] = []
        size = 0
        async for piece in response.aiter_raw():
            size += len(piece)
            if size > self._limit_bytes:
                raise Unanswered(f"The target answered with more than {self._limit_bytes} bytes.")
            pieces.append(piece)
        return b"".join(pieces).strip()


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise Invalid("The operation is delegated to something that is not a URL.") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise Invalid("The operation is delegated to something that is not an HTTP URL.")
    if url.userinfo:
        # Everybody who reads the submodel reads them, too.
        raise Invalid("The operation is delegated to a URL with credentials in it: they do not belong there.")
    return url


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii").lower().rstrip(".")


async def _addresses(host: str, port: int) -> list[Address]:
    """All addresses of a host, in the system's order; none where it is not known, or nobody said in time."""
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    addresses = [ip_address(where[0]) for *_, where in found]
    return [one.ipv4_mapped or one if isinstance(one, IPv6Address) else one for one in addresses]

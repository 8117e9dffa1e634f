"""Whom operations may be delegated to: what the list of targets allows, and what it never does."""

from ipaddress import ip_address

import pytest

from titan.errors import Invalid, Misconfigured
from titan.write.delegation import Delegation, is_public, read_targets


def is_allowed(targets: str, host: str, address: str, port: int = 443) -> bool:
    return any(entry.allows(host, ip_address(address), port) for entry in read_targets(targets))


@pytest.mark.parametrize(
    ("targets", "host", "address", "port"),
    [
        ("plc.example", "plc.example", "93.184.216.34", 443),
        ("plc.example", "plc.example", "10.0.0.7", 443),
        ("PLC.example:8443", "plc.example", "10.0.0.7", 8443),
        ("*.plant.example", "a.plant.example", "93.184.216.34", 443),
        ("*", "anything.example", "93.184.216.34", 80),
        ("10.1.0.0/16", "plc.example", "10.1.2.3", 80),
        ("127.0.0.1:9000", "127.0.0.1", "127.0.0.1", 9000),
        ("[::1]:9000", "::1", "::1", 9000),
        ("::1", "::1", "::1", 80),
        ("a.example, localhost", "localhost", "127.0.0.1", 80),
    ],
)
def test_what_is_named_may_be_called(targets: str, host: str, address: str, port: int) -> None:
    assert is_allowed(targets, host, address, port)


@pytest.mark.parametrize(
    ("targets", "host", "address", "port"),
    [
        ("", "plc.example", "93.184.216.34", 443),
        ("plc.example", "plc.example.evil", "93.184.216.34", 443),
        ("plc.example:8443", "plc.example", "93.184.216.34", 443),
        ("*.plant.example", "plant.example", "93.184.216.34", 443),
        ("*.plant.example", "evilplant.example", "93.184.216.34", 443),
        ("10.1.0.0/16", "plc.example", "10.2.0.1", 80),
    ],
)
def test_what_is_not_named_may_not(targets: str, host: str, address: str, port: int) -> None:
    assert not is_allowed(targets, host, address, port)


PRIVATE = [
    *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),  # noqa: S104
    *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1"),
    *("64:ff9b::7f00:1", "2002:7f00:1::", "::ffff:169.254.169.254"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_wildcard_never_reaches_a_private_address(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not is_allowed("*, *.example", "a.example", address)


@pytest.mark.parametrize("targets", ["http://plc.example", "plc.example/path", "a b", "*plc.example", "10.0.0.0/99"])
def test_a_list_that_cannot_be_meant_stops_the_start(targets: str) -> None:
    with pytest.raises(Misconfigured, match="TITAN_OPERATION_TARGETS"):
        read_targets(targets)


@pytest.mark.parametrize(
    ("targets", "url", "word"),
    [
        ("", "http://127.0.0.1:9000/x", "TITAN_OPERATION_TARGETS=127.0.0.1:9000"),
        ("plc.example", "http://other.example/x", "not among"),
        ("*", "http://127.0.0.1:9000/x", "as it is"),
        # Other ways to write 127.0.0.1, which the resolver of the system knows.
        ("*", "http://2130706433/x", "as it is"),
        ("*", "http://[::ffff:127.0.0.1]/x", "as it is"),
        ("*", "ftp://127.0.0.1/x", "HTTP"),
        ("*", "http:///x", "HTTP"),
        ("*", "not a url", "HTTP"),
        ("*", "http://a:b/", "URL"),
        ("127.0.0.1", "http://me:secret@127.0.0.1/x", "credentials"),
    ],
)
async def test_who_may_not_be_called_is_refused_with_a_sentence(targets: str, url: str, word: str) -> None:
    delegation = Delegation(read_targets(targets), limit_bytes=1000)
    with pytest.raises(Invalid, match=word) as refusal:
        await delegation.target(url)
    assert "secret" not in str(refusal.value)
    await delegation.close()

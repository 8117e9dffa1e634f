"""What a data directory keeps for the next start."""

import socket
from pathlib import Path

import pytest

from titan.dev.place import Place
from titan.errors import Misconfigured


def test_a_server_gets_the_port_that_it_had(tmp_path: Path) -> None:
    with Place(tmp_path) as place:
        first = place.port("postgres")
    with Place(tmp_path) as place:
        assert place.port("postgres") == first


def test_a_port_that_somebody_took_is_replaced_for_good(tmp_path: Path) -> None:
    with Place(tmp_path) as place:
        first = place.port("postgres")
        with socket.create_server(("127.0.0.1", first)):
            second = place.port("postgres")
        assert second != first
        assert place.port("postgres") == second


def test_no_two_servers_get_one_port(tmp_path: Path) -> None:
    with Place(tmp_path) as place:
        assert len({place.port(f"read-{number}") for number in range(50)}) == 50


def test_ports_are_not_those_that_the_kernel_gives_away(tmp_path: Path) -> None:
    with Place(tmp_path) as place:
        assert 20_000 <= place.port("postgres") < 32_768


def test_a_memory_that_cannot_be_read_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "remembered.json").write_text('{"ports": {"postgres": "no')
    with Place(tmp_path) as place:
        assert place.port("postgres") == place.port("postgres")


def test_the_secret_stays_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    with Place(tmp_path) as place:
        first = place.secret
    with Place(tmp_path) as place:
        assert place.secret == first
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0
    assert len(first) >= 32


def test_one_at_a_time(tmp_path: Path) -> None:
    with Place(tmp_path), pytest.raises(Misconfigured, match=r"process \d+.*TITAN_DATA_DIR"), Place(tmp_path):
        pass
    with Place(tmp_path) as place:
        assert place.path == tmp_path


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="TITAN_DATA_DIR"), Place(tmp_path / "file" / "data"):
        pass

"""A process that is told to stop finishes what it accepted, then leaves."""

import asyncio
import signal
import time
from pathlib import Path

import httpx
import pytest

from support.processes import titan
from support.waiting import eventually
from titan.codec.ids import encode_id
from titan.dev.processes import free_port

WRITERS = 16


async def test_a_write_tier_that_is_told_to_stop_answers_what_it_accepted_and_loses_nothing(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "TITAN_WRITE_VISIBILITY": "journal"}
    acknowledged: list[str] = []
    torn: list[str] = []
    with titan(tmp_path / "write", free_port(), "write", environ=environ) as tier:

        async def post(client: httpx.AsyncClient, writer: int) -> None:
            for number in range(10_000):
                identifier = f"urn:stop:{writer}:{number}"
                document = {"modelType": "Submodel", "id": identifier}
                try:
                    answer = await client.post(f"{tier.url}/submodels", json=document)
                except httpx.ConnectError:
                    return
                except httpx.HTTPError:
                    torn.append(identifier)
                    return
                if answer.status_code != 201:
                    return
                acknowledged.append(identifier)
                if len(acknowledged) == 500:
                    tier.child.send_signal(signal.SIGTERM)

        async with httpx.AsyncClient(timeout=30) as clients, asyncio.TaskGroup() as group:
            for writer in range(WRITERS):
                group.create_task(post(clients, writer))
        status = await asyncio.to_thread(tier.child.wait, 40)
    assert status == 0, tier.said()[-3000:]
    assert len(acknowledged) >= 500
    # A request may meet a connection that is being closed; one that was accepted is answered.
    assert len(torn) <= WRITERS
    with titan(tmp_path / "read", free_port(), "read", environ=environ) as tier, httpx.Client() as client:
        missing = await asyncio.to_thread(_missing, client, tier.url, acknowledged)
    assert missing == []


def test_a_process_that_is_told_to_stop_says_so_and_serves_on_before_it_stops_listening(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "TITAN_DRAIN_S": "2"}
    with titan(tmp_path / "read", free_port(), "read", environ=environ) as tier, httpx.Client() as client:
        assert "connection" not in client.get(f"{tier.url}/submodels").headers
        tier.child.send_signal(signal.SIGTERM)
        assert eventually(lambda: httpx.get(f"{tier.url}/health/ready").status_code == 503)
        left_at = time.monotonic()
        answer = client.get(f"{tier.url}/submodels")
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert httpx.get(f"{tier.url}/health/live").status_code == 200
        assert tier.child.wait(20) == 0, tier.said()[-3000:]
        assert time.monotonic() - left_at > 1
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{tier.url}/submodels")


def _missing(client: httpx.Client, url: str, identifiers: list[str]) -> list[str]:
    return [
        identifier
        for identifier in identifiers
        if client.get(f"{url}/submodels/{encode_id(identifier)}").status_code != 200
    ]

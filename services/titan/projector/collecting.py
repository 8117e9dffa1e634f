"""Collects, from time to time, contents of the blob store that nothing refers to."""

import asyncio
from datetime import timedelta

import psycopg
from structlog.stdlib import BoundLogger

from titan.addresses import Address
from titan.errors import Unavailable
from titan.storage.blobs.collect import collect
from titan.storage.blobs.store import Blobs


async def run(conninfo: Address, blobs: Blobs, *, grace_s: int, interval_s: int, log: BoundLogger) -> None:
    """Collect after each interval, until cancelled. What cannot be done now is done the next time."""
    while True:
        await asyncio.sleep(interval_s)
        try:
            done = await collect(conninfo, blobs, grace=timedelta(seconds=grace_s))
        except (Unavailable, psycopg.Error) as error:
            log.warning("contents are not collected", reason=str(error))
            continue
        if done is not None:
            log.info("contents are collected", stored=done.stored, condemned=done.condemned, removed=done.removed)

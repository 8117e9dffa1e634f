"""`titan collect`: remove contents of the blob store that nothing refers to any more."""

from datetime import timedelta

from rich.console import Console

from titan.addresses import Address
from titan.operate.terminal import say
from titan.storage.blobs.collect import collect
from titan.storage.blobs.store import Blobs


async def collect_blobs(*, database_url: Address, blobs: Blobs, grace_s: int, console: Console) -> int:
    """Make one run and say what came of it; gives the exit status.

    Raises:
        Unavailable: where the database or the blob store is away.
    """
    try:
        done = await collect(database_url, blobs, grace=timedelta(seconds=grace_s))
    finally:
        await blobs.close()
    if done is None:
        say(console, "Another collector is at work, or a backup is being made.", style="red")
        return 2
    say(console, f"{done.stored} contents are stored; documents refer to {done.referenced}.")
    say(console, f"{done.condemned} condemned, {done.reprieved} reprieved, {done.removed} removed.")
    return 0

"""A new generation in Redis: what it and the memory of replicas have counts for nothing, and is filled in again."""

from rich.console import Console

from titan.addresses import Address
from titan.errors import Unavailable
from titan.operate.terminal import say
from titan.storage import redis
from titan.storage.redis import Names


async def renew_cache(redis_url: Address | None, names: Names, console: Console) -> bool:
    """Have the projector begin a new generation, as soon as it notices; False where Redis is away."""
    if redis_url is None:
        return True
    client = redis.connect(redis_url)
    try:
        with redis.reachable():
            await client.delete(names.generation)
    except Unavailable:
        say(console, "Redis is away: its documents were not renewed.", style="yellow")
        return False
    else:
        say(console, "The projector fills Redis again.")
        return True
    finally:
        await client.aclose()

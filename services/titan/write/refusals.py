"""Refusals that tell of a document: they are held back like answers, until everybody can see what they tell of.

Who is told that an identifier is taken, and then finds nothing under it, has been told two stories.
"""

from functools import wraps

from titan.errors import AlreadyExists, MethodNotAllowed, NotFound, PreconditionFailed
from titan.http.routes import Call, Handler
from titan.storage import journal
from titan.storage.postgres import Pool, reachable
from titan.storage.visibility import Visibility

TELLING = (AlreadyExists, NotFound, PreconditionFailed, MethodNotAllowed)
PATIENCE_S = 5.0


def holding(handler: Handler, visibility: Visibility, pool: Pool) -> Handler:
    """Have a handler's refusals wait for whatever stood in the journal when it refused.

    Raises:
        Unavailable: where that takes too long; the command is refused all the same.
    """

    @wraps(handler)
    async def held(call: Call) -> None:
        try:
            await handler(call)
        except TELLING:
            with reachable():
                async with pool.connection() as connection:
                    position = await journal.last(connection)
            await visibility.hold(position, timeout_s=PATIENCE_S)
            raise

    return held

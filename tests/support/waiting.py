"""Waiting for what happens in another process and can only be looked at."""

import time
from collections.abc import Callable


def eventually(look: Callable[[], bool], *, timeout_s: float = 20.0) -> bool:
    """Look until what is seen is so; whether it came to that in time. A file or a row that is missing is not so."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if look():
                return True
        except FileNotFoundError:
            pass
        time.sleep(0.02)  # noqa: TID251 - nothing in another process can be awaited
    return False

"""Clients that take their credentials when they are made: one whose credentials have changed is made anew."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

Client = TypeVar("Client")


class Renewed(Generic[Client]):
    """The client for what the credentials are now. Whoever still works with the one before finishes with it."""

    def __init__(self, credentials: Callable[[], str], make: Callable[[str], Client]) -> None:
        """Make the first client; `credentials` is asked before every use, `make` when it says something else."""
        self._credentials = credentials
        self._make = make
        self._made_of = credentials()
        self._client = make(self._made_of)
        self._making = Lock()

    def __call__(self) -> Client:
        """The client.

        Raises:
            Unavailable: where the credentials cannot be read.
        """
        told = self._credentials()
        with self._making:
            if told != self._made_of:
                self._client = self._make(told)
                self._made_of = told
            return self._client

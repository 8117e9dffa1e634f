"""Finished responses in the memory of one worker: the first of three levels, looked up before routing.

A response is kept under the raw path and query of its request, and names the subjects that it shows. What is announced
is forgotten by subject, in another thread than the one that serves. A load that was under way when one of its subjects
was announced may be of either side, and is not kept.
"""

import threading
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from msgspec import Struct

Encoding = Literal["", "gzip", "zstd"]
Messages = tuple[dict[str, object], dict[str, object]]
"""Start and body of an answer, as ASGI sends them."""

OVERHEAD_BYTES = 1024
"""What an entry costs beside its body, roughly: messages, headers, keys and indexes."""


class Entry(Struct, eq=False):
    """A finished response."""

    etag: bytes
    """With its quotes; every encoding has a suffix of its own in it."""
    headers: Sequence[tuple[bytes, bytes]]
    """Those that every representation shares."""
    body: bytes
    subjects: Sequence[bytes]
    """Keys of the documents, or names of the lists, that are shown."""
    messages: dict[Encoding, Messages] = {}
    """Of each representation that was asked for."""
    size: int = 0
    used: bool = False


class Load(Struct, eq=False):
    """A load that is under way."""

    subjects: Sequence[bytes]
    spoiled: bool = False


class Memory:
    """Entries by raw path and query, bounded in bytes. The oldest that were not asked for again make room."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._entries: dict[bytes, Entry] = {}
        self._showing: dict[bytes, set[bytes]] = {}
        self._loads: dict[bytes, set[Load]] = {}
        self._lock = threading.Lock()
        self.size_bytes = 0
        self.get = self._entries.get
        """The entry under a raw path and query, if there is one. Takes no lock: a dictionary's own is enough."""

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._entries)

    def begin(self, subjects: Sequence[bytes]) -> Load:
        """Begin a load, before anything is read; it must end with `end`."""
        load = Load(subjects)
        with self._lock:
            for subject in subjects:
                self._loads.setdefault(subject, set()).add(load)
        return load

    def end(self, load: Load, *, key: bytes = b"", entry: Entry | None = None) -> None:
        """End a load, and keep what it gave unless that may be old already."""
        with self._lock:
            for subject in load.subjects:
                under_way = self._loads.get(subject)
                if under_way is not None:
                    under_way.discard(load)
                    if not under_way:
                        del self._loads[subject]
            if entry is not None and not load.spoiled and self._limit:
                self._keep(key, entry)

    def grown(self, key: bytes, entry: Entry, by_bytes: int) -> None:
        """Count what an entry took on later, another representation, if it is still kept."""
        with self._lock:
            if self._entries.get(key) is entry:
                entry.size += by_bytes
                self.size_bytes += by_bytes
                self._make_room()

    def forget(self, subjects: Iterable[bytes]) -> None:
        """Drop what shows any of the subjects, and spoil the loads of it that are under way."""
        with self._lock:
            for subject in subjects:
                for load in self._loads.get(subject, ()):
                    load.spoiled = True
                for key in tuple(self._showing.get(subject, ())):
                    self._drop(key)

    def clear(self) -> None:
        """Drop everything, and spoil every load that is under way."""
        with self._lock:
            for loads in self._loads.values():
                for load in loads:
                    load.spoiled = True
            self._entries.clear()
            self._showing.clear()
            self.size_bytes = 0

    def subjects(self) -> Collection[bytes]:
        """Every subject that something is kept of."""
        with self._lock:
            return tuple(self._showing)

    def _keep(self, key: bytes, entry: Entry) -> None:
        entry.size = len(entry.body) + len(key) + OVERHEAD_BYTES
        if entry.size > self._limit // 4:
            return
        self._drop(key)
        self._entries[key] = entry
        self.size_bytes += entry.size
        for subject in entry.subjects:
            self._showing.setdefault(subject, set()).add(key)
        self._make_room()

    def _make_room(self) -> None:
        while self.size_bytes > self._limit:
            key = next(iter(self._entries))
            entry = self._entries[key]
            if entry.used:
                # Asked for since it came to the front: it goes to the back once more.
                entry.used = False
                del self._entries[key]
                self._entries[key] = entry
            else:
                self._drop(key)

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self.size_bytes -= entry.size
        for subject in entry.subjects:
            keys = self._showing.get(subject)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del self._showing[subject]

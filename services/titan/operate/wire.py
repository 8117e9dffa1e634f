"""One connection of a generator of load: as much of HTTP/1.1 as it takes to know when an answer is whole."""

import socket
import ssl
import time
from typing import Self
from urllib.parse import urlsplit

from msgspec import Struct

RECEIVE_BYTES = 1 << 16
PATIENCE_S = 20.0
"""How long a server may stay silent before it is given up."""
PORTS = {"http": 80, "https": 443}


class Address(Struct, frozen=True):
    """Where a server is, and what is asked of it."""

    host: str
    port: int
    netloc: str
    """As it stands in the URL, for the header `host`."""
    path: str
    """With the query."""
    is_secret: bool
    """By TLS."""

    @classmethod
    def of(cls, url: str) -> Self:
        """Out of a URL.

        Raises:
            ValueError: where it is none that HTTP knows.
        """
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            message = f"{url} is no address of HTTP."
            raise ValueError(message)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        netloc = parts.netloc.rpartition("@")[2]
        return cls(parts.hostname, parts.port or PORTS[parts.scheme], netloc, path, parts.scheme == "https")


class Connection:
    """Sends one request after the other; of an answer it keeps the status."""

    __slots__ = ("_address", "_buffer", "_missing", "began", "is_open", "is_spent", "line", "status")

    def __init__(self, address: Address) -> None:
        self._address = address
        self.began = 0.0
        """When the request was sent that is not answered yet; 0 where there is none."""
        self.status = 0
        self.is_spent = False
        """Whether the server said that this answer was its last on this connection."""
        self._buffer: bytes = b""
        self._missing = 0
        self.line = self._opened()
        self.is_open = True

    def _opened(self) -> socket.socket:
        address = self._address
        plain = socket.create_connection((address.host, address.port), timeout=PATIENCE_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not address.is_secret:
            return plain
        return ssl.create_default_context().wrap_socket(plain, server_hostname=address.host)

    def open(self) -> None:
        """Begin anew.

        Raises:
            OSError: where the server takes no connection.
        """
        self.close()
        self.line = self._opened()
        self.is_open, self.is_spent = True, False

    def close(self) -> None:
        self.line.close()
        self.is_open = False

    def send(self, request: bytes) -> None:
        self._buffer, self._missing = b"", 0
        self.began = time.perf_counter()
        # Blocks where the kernel takes less than the whole at once, which a few KB never cause.
        self.line.sendall(request)

    def is_answered(self) -> bool:
        """Take in what came; whether the answer is whole.

        Raises:
            OSError: where the server closed the connection.
        """
        came = self.line.recv(RECEIVE_BYTES)
        if not came:
            raise ConnectionError("The server closed a connection.")
        if self._missing > 0:
            self._missing -= len(came)
            return self._missing <= 0
        self._buffer = self._buffer + came if self._buffer else came
        if self._missing < 0:
            return self._is_chunked_to_its_end()
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        self.status = int(self._buffer[9:12])
        head = self._buffer[:end].lower()
        self.is_spent = b"\r\nconnection: close" in head
        self._buffer = self._buffer[end + 4 :]
        length = _length(head, self.status)
        if length is None:
            self._missing = -1
            return self._is_chunked_to_its_end()
        self._missing = length - len(self._buffer)
        return self._missing <= 0

    def _is_chunked_to_its_end(self) -> bool:
        """Leave out the chunks that are whole; what is left begins with the size of one."""
        at, buffer = 0, self._buffer
        while (end := buffer.find(b"\r\n", at)) >= 0:
            size = int(buffer[at:end].partition(b";")[0], 16)
            behind = end + 2 + size + 2
            if behind > len(buffer):
                break
            if size == 0:
                return True
            at = behind
        self._buffer = buffer[at:]
        return False


def _length(head: bytes, status: int) -> int | None:
    """Of a body; None where it comes in chunks."""
    if status in {204, 304}:
        return 0
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        end = head.find(b"\r\n", at + 2)
        return int(head[at + 17 : end if end > 0 else len(head)])
    if b"\r\ntransfer-encoding: chunked" in head:
        return None
    raise ConnectionError("An answer has no length.")

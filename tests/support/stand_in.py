"""Stands for a process of Titan in tests of the supervisor: answers by saying who it is and what it was asked.

`stand_in.py DIRECTORY ROLE …` writes its process id to DIRECTORY/ROLE-PID, and on SIGTERM the order of leaving to
DIRECTORY/stops. POST /leave/STATUS makes it end.
"""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        target = self.requestline.split(" ")[1]
        said = (sys.argv[2], os.environ["TITAN_PORT"], self.command, target, f"{sys.argv[2]}-{os.getpid()}")
        self._answer(" ".join(said))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.do_GET()
        if self.path.startswith("/leave/"):
            os._exit(int(self.path.removeprefix("/leave/")))

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST  # noqa: N815 - names that http.server calls

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, text: str) -> None:
        body = text.encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        self.wfile.write(head + body)


def _leave(*_: object) -> NoReturn:
    with (Path(sys.argv[1]) / "stops").open("a") as stops:
        stops.write(f"{sys.argv[2]}\n")
    os._exit(0)


def main() -> None:
    """Answer until told to leave."""
    role = sys.argv[2]
    signal.signal(signal.SIGTERM, _leave)
    (Path(sys.argv[1]) / f"{role}-{os.getpid()}").touch()
    server = ThreadingHTTPServer((os.environ["TITAN_HOST"], int(os.environ["TITAN_PORT"])), _Answers)
    server.serve_forever()


if __name__ == "__main__":
    main()

"""The documentation of the API as the server itself gives it: the OpenAPI document, and Swagger UI over it.

Swagger UI comes with the package `offapi`, of which nothing but the files is used; nothing is loaded from elsewhere.
"""

from collections.abc import Mapping
from functools import cache, cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from litestar.types import HTTPScope
from msgspec import Struct

from titan.errors import Misconfigured
from titan.http.openapi import document
from titan.http.operations import BASE_PATHS
from titan.http.requests import header, none_match
from titan.http.responses import NO_CACHE, VARY_ENCODING, Encoding, Header, compress, encoding_for, send_bytes
from titan.http.routes import Call, Handler

_PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Titan-AAS</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = b"""SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "none",
  validatorUrl: null,
});
"""
_POLICY: Header = (
    b"content-security-policy",
    (
        b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
)
"""Scripts are those of this server alone. Swagger UI draws with styles in its elements, which no script comes from."""
_NOT_GUESSED: Header = (b"x-content-type-options", b"nosniff")


class Asset(Struct, frozen=True, dict=True):
    """A file as it is served, made once in each encoding."""

    media_type: bytes
    data: bytes

    @cached_property
    def tag(self) -> bytes:
        """The ETag, the same in every encoding."""
        return b'W/"%b"' % sha256(self.data).hexdigest()[:32].encode()

    @cached_property
    def compressed(self) -> dict[Encoding, bytes]:
        """What was asked for so far."""
        return {}

    def encoded(self, encoding: Encoding) -> bytes:
        """The file in an encoding."""
        if encoding not in self.compressed:
            self.compressed[encoding] = compress(encoding, self.data)
        return self.compressed[encoding]


class Docs:
    """Serves the documentation; what it serves is made when it is first asked for."""

    def __init__(self, external_url: str) -> None:
        self._prefix = urlsplit(external_url).path.rstrip("/")
        self.handlers: Mapping[str, Handler] = {
            "docs.openapi": self.show_openapi,
            "docs.page": self.show_page,
            "docs.file": self.show_file,
        }
        self._openapi: dict[str, Asset] = {}

    async def show_openapi(self, call: Call) -> None:
        """GET /openapi.json, for the base path that it is asked under."""
        base = _base(call.scope)
        if base not in self._openapi:
            self._openapi[base] = Asset(b"application/json", document(self._prefix + base or "/"))
        await _send(call, self._openapi[base])

    async def show_page(self, call: Call) -> None:
        """GET /docs. Its links are relative to a path without a slash at the end."""
        if call.scope["raw_path"].endswith(b"/"):
            await send_bytes(call.send, 308, [(b"location", b"../docs")])
        else:
            await _send(call, _file(""), (_POLICY,))

    async def show_file(self, call: Call) -> None:
        """GET of what /docs loads."""
        await _send(call, _file(call.operation.path.rpartition("/")[2]))


def _base(scope: HTTPScope) -> str:
    path = scope["raw_path"].decode(errors="replace").removesuffix("/").removesuffix("/openapi.json")
    return path if path in BASE_PATHS else ""


async def _send(call: Call, asset: Asset, further: tuple[Header, ...] = ()) -> None:
    headers: list[Header] = [(b"etag", asset.tag), NO_CACHE, VARY_ENCODING, _NOT_GUESSED, *further]
    matches = header(call.scope["headers"], b"if-none-match")
    if matches is not None and none_match(matches, asset.tag):
        await send_bytes(call.send, 304, headers)
        return
    encoding = encoding_for(header(call.scope["headers"], b"accept-encoding") or b"")
    if encoding:
        headers.append((b"content-encoding", encoding.encode()))
    await send_bytes(call.send, 200, [(b"content-type", asset.media_type), *headers], (asset.encoded(encoding),))


@cache
def _file(name: str) -> Asset:
    match name:
        case "":
            return Asset(b"text/html; charset=utf-8", _PAGE)
        case "start.js":
            return Asset(b"text/javascript; charset=utf-8", _START)
        case "swagger-ui.css":
            return Asset(b"text/css; charset=utf-8", (_bundle() / "swagger_style.css").read_bytes())
        case _:
            return Asset(b"text/javascript; charset=utf-8", (_bundle() / "swagger_bundle.js").read_bytes())


def _bundle() -> Path:
    """Where the package is; it is not imported, for it reads all that it has when it is."""
    found = find_spec("offapi")
    if found is None or not found.submodule_search_locations:
        raise Misconfigured("The package offapi is not installed, which has the files of /docs.")
    return Path(found.submodule_search_locations[0])

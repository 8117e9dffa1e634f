"""A form with one file in it (multipart/form-data), read while it arrives.

The fields may come in any order, so what stands beside the file is known once the form was read to its end. Whoever
takes the bytes of the file is told of their end only then: a form that breaks off, in the file or behind it, leaves
nothing to whoever keeps only what has ended.

Spec: RFC 7578; IDTA-01002, the operations Put…FileByPath and PutThumbnail.
"""

import re
from collections.abc import AsyncGenerator
from urllib.parse import unquote

from litestar.types import HTTPScope, Receive
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from titan.errors import Invalid, TooLarge, Unsupported
from titan.http.requests import Disconnected, header

FILE = "file"
MAX_PARTS = 32
MAX_HEADERS = 16
"""Of one part."""
MAX_HEADER_BYTES = 8 << 10
MAX_TEXT_BYTES = 64 << 10
"""Of all fields but the file together."""
_OVERHEAD_BYTES = 1 << 20
"""What a form may have beside its file: fields, headers of parts, boundaries."""
_MAX_BOUNDARY_BYTES = 200
_MAX_DIGITS = 18

# Clients older than RFC 7578, which forbids it, write a name that is not ASCII like this.
_EXTENDED_NAME = re.compile(r";\s*filename\*\s*=\s*(utf-8|iso-8859-1)'[^']*'([^\s;\"]+)", re.IGNORECASE)
_BOUNDARY = re.compile(rb';[ \t]*boundary[ \t]*=[ \t]*(?:"([^"\\]*)"|([^\s;"]+))', re.IGNORECASE)
_PLAIN_ENCODINGS = frozenset({"7bit", "8bit", "binary"})


class Form:
    """The form that a request carries; it can be read once."""

    def __init__(self, receive: Receive, scope: HTTPScope, *, limit_bytes: int) -> None:
        """Prepare to read.

        Args:
            receive: Where the body comes from.
            scope: The request.
            limit_bytes: How large the file may be.

        Raises:
            Unsupported: where the body is no such form, or is compressed.
            TooLarge: where the body is announced to be larger than any form with such a file.
            Invalid: where the form has no boundary.
        """
        self.texts: dict[str, list[str]] = {}
        """The other fields with all their values; whole once `file` has ended."""
        self.file_name: str | None = None
        """What the part of the file says that it is called."""
        self.content_type: str | None = None
        """What the part of the file says that it is."""
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._left_bytes = MAX_TEXT_BYTES
        self._expect_room(scope)
        self._parser = _parser(scope)

    def text(self, name: str) -> str | None:
        """The first value of a field, once `file` has ended."""
        values = self.texts.get(name)
        return values[0] if values else None

    async def file(self) -> AsyncGenerator[bytes]:
        """The bytes of the field `file`, piece by piece; ends when the whole form has been read and is well-formed.

        Raises:
            Invalid: where the form is malformed, or has no file or several.
            TooLarge: where the file is larger than the limit, or what is beside it more than anybody needs.
            Disconnected: where the client goes away.
        """
        found = False
        size = 0
        field: _Text | None = None
        async for event in self._events():
            if isinstance(event, MultipartSegment):
                field = self._begin(event, found=found)
                found = found or field is None
            elif event is None:
                if field is not None:
                    self.texts.setdefault(field.name, []).append(field.whole())
            elif field is not None:
                self._left_bytes -= len(event)
                if self._left_bytes < 0:
                    raise TooLarge(
                        f"More than {MAX_TEXT_BYTES} bytes stand outside of the field `file`, which takes the file."
                    )
                field.pieces.append(event)
            else:
                size += len(event)
                if size > self._limit_bytes:
                    raise self._too_large()
                yield event
        if not found or (not size and self.file_name == ""):
            # Browsers send a part without a name and without a byte where nobody chose a file.
            raise Invalid("The form has no file: it must have a field `file` with the bytes.", path=FILE)

    def _begin(self, part: MultipartSegment, *, found: bool) -> "_Text | None":
        if part.name != FILE:
            return _Text(part.name or "")
        if found:
            raise Invalid("The form has several fields `file`; it may have one.", path=FILE)
        encoded = _header(part, "Content-Transfer-Encoding")
        if encoded is not None and encoded.strip().lower() not in _PLAIN_ENCODINGS:
            raise Unsupported("The bytes of the file are taken as they are: leave Content-Transfer-Encoding out.")
        disposition = _header(part, "Content-Disposition") or ""
        extended = _EXTENDED_NAME.search(disposition)
        self.file_name = unquote(extended[2], encoding=extended[1]) if extended else part.filename
        self.content_type = _header(part, "Content-Type")
        return None

    async def _events(self) -> AsyncGenerator[MultipartSegment | bytes | None]:
        """A segment where a part begins, its pieces, and None where it ends."""
        left = self._limit_bytes + _OVERHEAD_BYTES
        more = True
        try:
            while more:
                message = await self._receive()
                if message["type"] != "http.request":
                    raise Disconnected("The client went away before its request was whole.")
                piece = message.get("body", b"")
                more = message.get("more_body", False)
                left -= len(piece)
                if left < 0:
                    raise self._too_large()
                if piece:
                    for event in self._parser.parse(piece):
                        yield event
            self._parser.close()
        except ParserLimitReached as error:
            raise TooLarge(
                f"The form has more parts, or longer headers in them, than anybody needs: {error}"
            ) from error
        except MultipartError as error:
            raise Invalid(f"The form is malformed: {error}", path="$") from error

    def _expect_room(self, scope: HTTPScope) -> None:
        length = header(scope["headers"], b"content-length")
        if length is None:
            return
        if not length.isdigit():
            raise Invalid("It must be a number of bytes.", path="Content-Length")
        if len(length) > _MAX_DIGITS or int(length) > self._limit_bytes + _OVERHEAD_BYTES:
            raise self._too_large()

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The file is larger than {self._limit_bytes} bytes.")


class _Text:
    """A field beside the file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pieces: list[bytes] = []

    def whole(self) -> str:
        try:
            return b"".join(self.pieces).decode()
        except UnicodeDecodeError as error:
            raise Invalid(
                "The field is no text in UTF-8; the file belongs into the field `file`.", path=self.name
            ) from error


def _header(part: MultipartSegment, name: str) -> str | None:
    return next((value for known, value in part.headerlist if known == name), None)


def _parser(scope: HTTPScope) -> PushMultipartParser:
    encoding = header(scope["headers"], b"content-encoding")
    if encoding is not None and encoding.strip().lower() not in {b"", b"identity"}:
        raise Unsupported("Bodies are not taken compressed: leave Content-Encoding out.")
    sent = header(scope["headers"], b"content-type") or b""
    if sent.partition(b";")[0].strip().lower() != b"multipart/form-data":
        raise Unsupported("The body must be a form: send it with Content-Type: multipart/form-data.")
    found = _BOUNDARY.search(sent)
    boundary = (found[1] or found[2] or b"") if found else b""
    if not 0 < len(boundary) <= _MAX_BOUNDARY_BYTES:
        raise Invalid("multipart/form-data needs a boundary, of 70 characters at most.", path="Content-Type")
    try:
        return PushMultipartParser(
            boundary, max_header_size=MAX_HEADER_BYTES, max_header_count=MAX_HEADERS, max_segment_count=MAX_PARTS
        )
    except MultipartError as error:
        raise Invalid(f"The boundary cannot be one: {error}", path="Content-Type") from error

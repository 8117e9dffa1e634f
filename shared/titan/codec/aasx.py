"""AASX packages, written as they are sent: an environment, and the files that its documents name.

A package is an OPC container, which is a ZIP file with relationships between its parts. It is written from the front to
the end, without looking back: the environment first, document by document, then each file, then what ties them.

Spec: IDTA-01005, "AASX Package File Format"; ECMA-376-2, "Part Names", "Relationships", "Mapping Parts to ZIP Items".
"""

import io
import re
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Final
from zipfile import ZIP64_LIMIT, ZIP_DEFLATED, ZipFile

from msgspec import Struct

from titan.codec.files import held, with_paths
from titan.codec.xml import PROLOG, XmlEnvelope, escaped
from titan.metamodel.elements import File
from titan.metamodel.identifiables import Identifiable, Resource
from titan.metamodel.kinds import Kind

ORIGIN: Final = "/aasx/aasx-origin"
CONTENT: Final = "/aasx/xml/content.xml"
FILES: Final = "/aasx/files/"

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_OURS: Final = "http://admin-shell.io/aasx/relationships/"
_OPC: Final = "http://schemas.openxmlformats.org/package/2006/"
_THUMBNAIL: Final = f"{_OPC}relationships/metadata/thumbnail"
_ANYTHING: Final = "application/octet-stream"
_NO_NAME: Final = re.compile(r"(?:%2[fF]|%5[cC]|[^A-Za-z0-9\-._~!$&'()*+,;=:@%]|%(?![0-9A-Fa-f]{2}))")
"""What no segment of the name of a part may have: slashes in disguise, and what would have to be encoded."""
_LEVEL: Final = 6


class Enclosed(Struct, frozen=True):
    """A file that belongs into the package."""

    digest: str
    part: str
    """Name of its part, such as `/aasx/files/<32 digits of the digest>/manual.pdf`."""
    content_type: str
    size: int
    """In bytes."""


class Package:
    """A package that is being written. What its methods give is what is to be sent next, and may be empty.

    Documents come first, then the contents of `enclosed`, each begun with `begin` and continued with `go_on`, then the
    end.
    """

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = ZipFile(self._sink, "w", ZIP_DEFLATED, compresslevel=_LEVEL)
        self._put(ORIGIN, b"Intentionally empty")
        self._envelope = XmlEnvelope()
        self._files: dict[str, Enclosed] = {}
        self._thumbnail = ""
        # How long the environment becomes is not known, and a reader of long files is told so in front.
        self._item: IO[bytes] = self._zip.open(CONTENT[1:], "w", force_zip64=True)
        self._content_is_open = True

    @property
    def enclosed(self) -> tuple[Enclosed, ...]:
        """The files that the documents until now name."""
        return tuple(self._files.values())

    def add(self, kind: Kind, document: Identifiable, sizes: Mapping[str, int]) -> bytes:
        """Write the next document. Files that it names go into the package if their digest is among the sizes."""
        placed = with_paths(document, lambda named: self._place(named, sizes)) if sizes else document
        for piece in self._envelope.add_part(kind, placed):
            self._item.write(piece)
        return self._sink.taken()

    def begin(self, file: Enclosed) -> bytes:
        """Begin a file; the environment ends with the first one."""
        self._close_item()
        self._item = self._zip.open(file.part[1:], "w", force_zip64=file.size * 1.05 > ZIP64_LIMIT)
        return self._sink.taken()

    def go_on(self, piece: bytes) -> bytes:
        """Write the next piece of the file."""
        self._item.write(piece)
        return self._sink.taken()

    def end(self) -> bytes:
        """Write what ties the parts together."""
        self._close_item()
        origin = [(f"{_OURS}aasx-origin", ORIGIN)]
        self._put("/_rels/.rels", _relationships(origin + [(_THUMBNAIL, self._thumbnail)] * bool(self._thumbnail)))
        self._put("/aasx/_rels/aasx-origin.rels", _relationships([(f"{_OURS}aas-spec", CONTENT)]))
        if self._files:
            supplements = [(f"{_OURS}aas-suppl", file.part) for file in self._files.values()]
            self._put("/aasx/xml/_rels/content.xml.rels", _relationships(supplements))
        self._put("/[Content_Types].xml", _content_types(self.enclosed))
        self._zip.close()
        return self._sink.taken()

    def _close_item(self) -> None:
        if self._content_is_open:
            self._item.write(self._envelope.end())
            self._content_is_open = False
        self._item.close()

    def _put(self, part: str, body: bytes) -> None:
        # Opened by its name it has the earliest time that there is: packages of the same documents are the same.
        with self._zip.open(part[1:], "w") as item:
            item.write(body)

    def _place(self, named: File | Resource, sizes: Mapping[str, int]) -> str | None:
        path = named.value if isinstance(named, File) else named.path
        known = held(path) if path else None
        if known is None or known[0] not in sizes:
            return None
        digest, name = known
        part = f"{FILES}{digest[:32]}/{_segment(name)}"
        # Names of parts that differ in case alone are one name; what stands below a digest is one content anyway.
        file = self._files.get(part.lower())
        if file is None:
            file = Enclosed(digest, part, named.content_type or _ANYTHING, sizes[digest])
            self._files[part.lower()] = file
        if isinstance(named, Resource):
            # A package has one thumbnail: that of its first shell.
            self._thumbnail = self._thumbnail or file.part
        return file.part


def _segment(name: str) -> str:
    """Make a segment of the name of a part of a percent-encoded file name."""
    segment = _NO_NAME.sub("_", name)
    return f"{segment}_" if not segment or segment.endswith(".") else segment


def _relationships(targets: list[tuple[str, str]]) -> bytes:
    rows = "".join(
        f'<Relationship Type="{type_}" Target="{escaped(target)}" Id="r{number}"/>'
        for number, (type_, target) in enumerate(targets, start=1)
    )
    return PROLOG + f'<Relationships xmlns="{_OPC}relationships">{rows}</Relationships>'.encode()


def _content_types(files: tuple[Enclosed, ...]) -> bytes:
    types = [(ORIGIN, "text/plain"), *((file.part, file.content_type) for file in files)]
    rows = "".join(
        f'<Override PartName="{escaped(part)}" ContentType="{escaped(content_type)}"/>' for part, content_type in types
    )
    return (
        PROLOG
        + (
            f'<Types xmlns="{_OPC}content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="text/xml"/>{rows}</Types>'
        ).encode()
    )


class _Sink(io.RawIOBase):
    """Where the ZIP file is written to: it cannot go back, and what was written is taken away to be sent."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        view = memoryview(data)
        self._written += view
        return view.nbytes

    def taken(self) -> bytes:
        """What was written since it was last asked."""
        taken = bytes(self._written)
        self._written.clear()
        return taken

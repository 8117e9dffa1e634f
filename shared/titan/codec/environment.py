"""An environment as the documents that it carries, one by one; and what is wrong with each.

An environment is only an envelope: each document in it is read, refused or let through by itself.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from titan.codec.json import read
from titan.codec.lexical import marks_of, nests_too_deep, without_escapes
from titan.codec.xml_reading import is_xml, to_json
from titan.errors import Fault, Invalid
from titan.metamodel.coded import check_coded, coded_values
from titan.metamodel.faults import Faults
from titan.metamodel.identifiables import ConceptDescription, Identifiable, Submodel
from titan.metamodel.kinds import KINDS, Kind

_ENVELOPE = msgspec.json.Decoder(dict[str, Raw])
_DOCUMENTS = msgspec.json.Decoder(list[Raw])


class Enclosed(Struct, frozen=True):
    """A document as it was sent within an environment."""

    kind: Kind
    path: str
    """JSON path within the environment; `$` where the document was sent by itself."""
    body: bytes


class Verdict(Struct, frozen=True):
    """What there is to say of one document."""

    kind: str
    path: str
    id: str
    """Empty where it could not be read."""
    is_readable: bool
    """Whether a lenient reading lets it through."""
    faults: tuple[Fault, ...]


class Report(Struct, frozen=True):
    """What there is to say of a file."""

    documents: tuple[Verdict, ...]
    faults: tuple[Fault, ...] = ()
    """Of the file as a whole."""

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong with anything in it."""
        return not self.faults and all(not document.faults for document in self.documents)

    @property
    def is_readable(self) -> bool:
        """Whether a lenient reading lets everything through."""
        return not self.faults and all(document.is_readable for document in self.documents)


def documents(body: bytes) -> Iterator[Enclosed]:
    """Take an environment apart into its documents, in the order in which they stand; or give the one that it is.

    It may be JSON or XML; the documents are JSON.

    Raises:
        Invalid: where it is neither an environment nor a document.
    """
    if is_xml(body):
        body = to_json(body).body
    if nests_too_deep(marks_of(without_escapes(body))):
        raise Invalid("The file nests too deep.", path="$")
    members = _members(body)
    if "modelType" in members:
        yield Enclosed(kind=_kind_of(members), path="$", body=body)
        return
    fields = {kind.environment_field: kind for kind in KINDS.values()}
    for name, several in members.items():
        if name not in fields:
            raise Invalid(f"There is no '{name}' in an Environment.", path=f"$.{name}")
        for index, one in enumerate(_several(name, several)):
            yield Enclosed(kind=fields[name], path=f"$.{name}[{index}]", body=bytes(one))


def validate(body: bytes) -> Report:
    """Say what is wrong with each document of an environment, or with the one document that it is. Raises nothing."""
    try:
        enclosed = list(documents(body))
    except Invalid as refusal:
        return Report(documents=(), faults=refusal.faults)
    read_ones = [_read(one) for one in enclosed]
    coded = coded_values(document for document, _ in read_ones if isinstance(document, ConceptDescription))
    first: dict[tuple[Kind, str], Identifiable] = {}
    for one, (document, _) in zip(enclosed, read_ones, strict=True):
        if document is not None:
            first.setdefault((one.kind, document.id), document)
    return Report(
        documents=tuple(
            Verdict(
                kind=one.kind.name,
                path=one.path,
                id=document.id if document else "",
                is_readable=document is not None,
                faults=(*faults, *_together(one, document, coded, first)),
            )
            for one, (document, faults) in zip(enclosed, read_ones, strict=True)
        )
    )


def _read(one: Enclosed) -> tuple[Identifiable | None, tuple[Fault, ...]]:
    try:
        document, faults = read(one.kind, one.body, lenient=True)
    except Invalid as refusal:
        document, faults = None, refusal.faults
    return document, tuple(_placed(fault, one.path) for fault in faults)


def _placed(fault: Fault, path: str) -> Fault:
    return msgspec.structs.replace(fault, path=path + fault.path.removeprefix("$")) if fault.path else fault


def _together(
    one: Enclosed, document: Identifiable | None, coded: dict[str, str], first: dict[tuple[Kind, str], Identifiable]
) -> tuple[Fault, ...]:
    """Say what is wrong with a document beside the others."""
    faults = Faults()
    # Files repeat documents; what matters is whether they say the same each time.
    if document is not None and first[one.kind, document.id] != document:
        faults.add(Fault(text=f"There is another {one.kind.name} of this id before.", path=f"{one.path}.id"))
    if isinstance(document, Submodel) and coded:
        check_coded(document, coded, root=one.path, faults=faults)
    return faults.told()


def _kind_of(members: dict[str, Raw]) -> Kind:
    for kind in KINDS.values():
        if members["modelType"] == Raw(b'"%b"' % kind.model.__name__.encode()):
            return kind
    raise Invalid("This is neither an Environment nor a document of a kind that is known.", path="$.modelType")


def _members(body: bytes) -> dict[str, Raw]:
    try:
        return _ENVELOPE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"This is no JSON object: {error}.", path="$") from error


def _several(name: str, several: Raw) -> list[Raw]:
    try:
        return _DOCUMENTS.decode(several)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"This is no JSON array: {error}.", path=f"$.{name}") from error

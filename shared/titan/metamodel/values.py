"""Enumerations and constrained strings of the metamodel, as types that the decoder checks while it decodes.

Absent attributes are `None`; JSON `null` is refused, since no attribute of the metamodel may be null. `Maybe[T]` says
both: a type checker reads `T | None`, the decoder reads `T`.

AASd-130 (only characters that XML 1.0 can carry) is not a pattern here: it holds for every string of a document, and
`titan.codec.lexical` checks it once for the whole body, at a fraction of the cost of a pattern on every string.

Spec: IDTA-01001, "Primitive and Simple Data Types", "Enumerations".
"""

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, TypeVar

from msgspec import Meta, Struct

if TYPE_CHECKING:
    T = TypeVar("T")
    Maybe: TypeAlias = T | None
    Tagged: TypeAlias = Annotated[T, "modelType is demanded"]
else:

    class NoModel(Struct, frozen=True, tag_field="modelType", tag=""):
        """Beside a class in a union: makes the decoder demand `modelType`, which it does not for one class alone."""

    class Maybe:
        """`Maybe[T]`: a value or absent, never null."""

        def __class_getitem__(cls, item: object) -> object:
            return item

    class Tagged:
        """`Tagged[T]`: a class that must be named by its `modelType` although no other could stand in its place."""

        def __class_getitem__(cls, item: type) -> object:
            return item | NoModel


# fmt: off
AasSubmodelElements = Literal[
    "AnnotatedRelationshipElement", "BasicEventElement", "Blob", "Capability", "DataElement", "Entity", "EventElement",
    "File", "MultiLanguageProperty", "Operation", "Property", "Range", "ReferenceElement", "RelationshipElement",
    "SubmodelElement", "SubmodelElementCollection", "SubmodelElementList",
]
AssetKind = Literal["Instance", "NotApplicable", "Role", "Type"]
DataTypeDefXsd = Literal[
    "xs:anyURI", "xs:base64Binary", "xs:boolean", "xs:byte", "xs:date", "xs:dateTime", "xs:decimal", "xs:double",
    "xs:duration", "xs:float", "xs:gDay", "xs:gMonth", "xs:gMonthDay", "xs:gYear", "xs:gYearMonth", "xs:hexBinary",
    "xs:int", "xs:integer", "xs:long", "xs:negativeInteger", "xs:nonNegativeInteger", "xs:nonPositiveInteger",
    "xs:positiveInteger", "xs:short", "xs:string", "xs:time", "xs:unsignedByte", "xs:unsignedInt", "xs:unsignedLong",
    "xs:unsignedShort",
]
DataTypeIec61360 = Literal[
    "BLOB", "BOOLEAN", "DATE", "FILE", "HTML", "INTEGER_COUNT", "INTEGER_CURRENCY", "INTEGER_MEASURE", "IRDI", "IRI",
    "RATIONAL", "RATIONAL_MEASURE", "REAL_COUNT", "REAL_CURRENCY", "REAL_MEASURE", "STRING", "STRING_TRANSLATABLE",
    "TIME", "TIMESTAMP",
]
Direction = Literal["input", "output"]
EntityType = Literal["CoManagedEntity", "SelfManagedEntity"]
KeyTypes = Literal[
    "AnnotatedRelationshipElement", "AssetAdministrationShell", "BasicEventElement", "Blob", "Capability",
    "ConceptDescription", "DataElement", "Entity", "EventElement", "File", "FragmentReference", "GlobalReference",
    "Identifiable", "MultiLanguageProperty", "Operation", "Property", "Range", "Referable", "ReferenceElement",
    "RelationshipElement", "Submodel", "SubmodelElement", "SubmodelElementCollection", "SubmodelElementList",
]
ModellingKind = Literal["Instance", "Template"]
QualifierKind = Literal["ConceptQualifier", "TemplateQualifier", "ValueQualifier"]
ReferenceTypes = Literal["ExternalReference", "ModelReference"]
StateOfEvent = Literal["off", "on"]
# fmt: on

# Python's `$` also matches before a final newline, hence `\Z` throughout.
_ID_SHORT = r"^[a-zA-Z][a-zA-Z0-9_-]*[a-zA-Z0-9_]\Z"
_NUMBER = r"^(0|[1-9][0-9]*)\Z"

YEAR = r"-?([1-9][0-9]{3,}+|0[0-9]{3})"
DATE = rf"{YEAR}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
CLOCK = r"(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?|24:00:00(\.0+)?)"
_SPAN_OF_TIME = (
    r"T([0-9]+H([0-9]+M)?([0-9]+(\.[0-9]+)?S)?|[0-9]+M([0-9]+(\.[0-9]+)?S)?|[0-9]+(\.[0-9]+)?S)"  # at least one part
)
DURATION = rf"-?P(([0-9]+Y([0-9]+M)?([0-9]+D)?|[0-9]+M([0-9]+D)?|[0-9]+D)({_SPAN_OF_TIME})?|{_SPAN_OF_TIME})"

_DURATION = rf"^{DURATION}\Z"
_DATE_TIME_UTC = rf"^{DATE}T{CLOCK}(Z|\+00:00|-00:00)\Z"

_WORD = r"[!#$%&'*+\-.^_`|~0-9a-zA-Z]+"
_QUOTED = r'"([\t !#-\[\]-~\x80-\xff]|\\[\t !-~\x80-\xff])*"'
_MIME = rf"^{_WORD}/{_WORD}([ \t]*;[ \t]*{_WORD}=({_WORD}|{_QUOTED}))*\Z"

# RFC 2396 folded together: what its grammar calls server is a special case of registry name, net_path one of abs_path.
# Without the folding the pattern backtracks exponentially; `*+` and `++` keep it from backtracking at all.
_ESCAPED = r"%[0-9a-fA-F]{2}"
_PLAIN = r"a-zA-Z0-9\-_.!~*'()"
_PATH = rf"(?:[{_PLAIN}:@&=+$,;/]|{_ESCAPED})*+"
_QUERY = rf"(?:[{_PLAIN};/?:@&=+$,]|{_ESCAPED})*+"
_SEGMENT = rf"(?:[{_PLAIN};@&=+$,]|{_ESCAPED})++"
_OPAQUE = rf"(?:[{_PLAIN};?:@&=+$,]|{_ESCAPED}){_QUERY}"
_ABSOLUTE = rf"[a-zA-Z][a-zA-Z0-9+\-.]*+:(?:/{_PATH}(?:\?{_QUERY})?|{_OPAQUE})"
_RELATIVE = rf"(?:/{_PATH}|{_SEGMENT}(?:/{_PATH})?)(?:\?{_QUERY})?"
_URI_REFERENCE = rf"^(?:{_ABSOLUTE}|{_RELATIVE})?(?:#{_QUERY})?\Z"

_LANGUAGE = r"(?:[a-zA-Z]{2,3}(?:-[a-zA-Z]{3}(?:-[a-zA-Z]{3}){0,2})?|[a-zA-Z]{4}|[a-zA-Z]{5,8})"
_REGION = r"(?:-(?:[a-zA-Z]{2}|[0-9]{3}))?"
_VARIANTS = r"(?:-(?:[a-zA-Z0-9]{5,8}|[0-9][a-zA-Z0-9]{3}))*"
_EXTENSIONS = r"(?:-[0-9A-WY-Za-wy-z](?:-[a-zA-Z0-9]{2,8})+)*"
_PRIVATE = r"[xX](?:-[a-zA-Z0-9]{1,8})+"
_GRANDFATHERED = (
    r"en-GB-oed|i-(?:ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)|sgn-(?:BE-FR|BE-NL|CH-DE)"
    r"|art-lojban|cel-gaulish|no-bok|no-nyn|zh-guoyu|zh-hakka|zh-min|zh-min-nan|zh-xiang"
)
# What nearly all tags are comes first, which halves the time that texts take to decode.
_LANGUAGE_TAG = (
    r"^(?:[a-zA-Z]{2,3}(?:-[a-zA-Z]{2})?"
    rf"|{_LANGUAGE}(?:-[a-zA-Z]{{4}})?{_REGION}{_VARIANTS}{_EXTENSIONS}(?:-{_PRIVATE})?"
    rf"|{_PRIVATE}|{_GRANDFATHERED})\Z"
)

NonEmpty = Annotated[str, Meta(min_length=1)]
Identifier = Annotated[str, Meta(min_length=1, max_length=2048)]
NameType = Annotated[str, Meta(min_length=1, max_length=128)]
LabelType = Annotated[str, Meta(min_length=1, max_length=64)]
MessageTopic = Annotated[str, Meta(min_length=1, max_length=255)]
ValueTypeIec61360 = Annotated[str, Meta(min_length=1, max_length=2048)]
VersionType = Annotated[str, Meta(min_length=1, max_length=4, pattern=_NUMBER)]
IdShort = Annotated[str, Meta(min_length=1, max_length=128, pattern=_ID_SHORT)]
ContentType = Annotated[str, Meta(min_length=1, max_length=128, pattern=_MIME)]
LanguageTag = Annotated[str, Meta(pattern=_LANGUAGE_TAG)]
Duration = Annotated[str, Meta(pattern=_DURATION)]
DateTimeUtc = Annotated[str, Meta(pattern=_DATE_TIME_UTC)]
PathType = Annotated[str, Meta(min_length=1, max_length=2048, pattern=_URI_REFERENCE)]

PATTERNS = {
    _ID_SHORT: ("AASd-002", "an idShort: letters, digits, '_' and '-', two at least, first a letter, last no '-'"),
    _NUMBER: ("", "a number without leading zeros"),
    _MIME: ("", "a media type, such as application/json"),
    _LANGUAGE_TAG: ("", "a language tag of BCP 47, such as en or de-AT"),
    _DURATION: ("", "an xs:duration, such as PT5M"),
    _DATE_TIME_UTC: ("", "an xs:dateTime in UTC, such as 2026-11-24T12:00:00Z"),
    _URI_REFERENCE: ("", "a path or URI of RFC 2396, such as file:/manual.pdf"),
}
"""What each pattern stands for: the rule that demands it, and a name for what fits it."""

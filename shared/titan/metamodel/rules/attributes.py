"""Rules of what many classes have: semantic ids, qualifiers, extensions, texts in several languages, versions.

Spec: IDTA-01001, "Common Attributes".
"""

from collections.abc import Hashable, Sequence
from typing import Protocol

from titan.metamodel.references import AdministrativeInformation, Extension, Qualifier, Reference, SpecificAssetId
from titan.metamodel.rules.references import Breaches
from titan.metamodel.xs import is_date, is_valid


class InALanguage(Protocol):
    """A text that says in which language it is."""

    @property
    def language(self) -> str: ...


class WithSemantics(Protocol):
    """What has a meaning that is defined elsewhere."""

    @property
    def semantic_id(self) -> Reference | None: ...
    @property
    def supplemental_semantic_ids(self) -> list[Reference] | None: ...


def aasd_005(administration: AdministrativeInformation) -> Breaches:
    """A revision requires a version."""
    if administration.revision is None or administration.version is not None:
        return ()
    return ((".revision", "A revision requires a version."),)


def aasd_020(qualifier: Qualifier) -> Breaches:
    """The value of a qualifier is one of its value type."""
    if qualifier.value is None or is_valid(qualifier.value, qualifier.value_type):
        return ()
    return ((".value", f"{quoted(qualifier.value)} is no {qualifier.value_type}."),)


def aasd_021(qualifiers: Sequence[Qualifier]) -> Breaches:
    """No two qualifiers of one element have the same type."""
    return [
        (f".qualifiers[{index}].type", f"There is a qualifier of type {quoted(qualifiers[index].type)} already.")
        for index in repeated([qualifier.type for qualifier in qualifiers])
    ]


def aasd_077(extensions: Sequence[Extension]) -> Breaches:
    """No two extensions of one element have the same name."""
    return [
        (f".extensions[{index}].name", f"There is an extension of the name {quoted(extensions[index].name)} already.")
        for index in repeated([extension.name for extension in extensions])
    ]


def aasd_118(thing: WithSemantics) -> Breaches:
    """Supplemental semantic ids require a main one."""
    if thing.supplemental_semantic_ids is None or thing.semantic_id is not None:
        return ()
    return ((".supplementalSemanticIds", "Supplemental semantic ids require a semanticId."),)


def aasd_133(asset_id: SpecificAssetId) -> Breaches:
    """The subject to which an asset id belongs is outside of the model."""
    if asset_id.external_subject_id is None or asset_id.external_subject_id.type == "ExternalReference":
        return ()
    return ((".externalSubjectId.type", "An externalSubjectId is an ExternalReference."),)


def value_of_extension(extension: Extension) -> Breaches:
    """The value of an extension is one of its value type, which is xs:string where it is not given."""
    if extension.value is None or extension.value_type is None or is_valid(extension.value, extension.value_type):
        return ()
    return ((".value", f"{quoted(extension.value)} is no {extension.value_type}."),)


def one_text_a_language(texts: Sequence[InALanguage]) -> Breaches:
    """A text is there once in each language."""
    return [
        (f"[{index}].language", f"There is a text in {quoted(texts[index].language)} already.")
        for index in repeated([text.language for text in texts])
    ]


def date_time_utc(value: str) -> Breaches:
    """The date is one that there is; that it is a time in UTC is a pattern."""
    return () if is_date(value) else (("", f"{quoted(value)} is no date that there is."),)


def repeated(values: Sequence[Hashable]) -> Sequence[int]:
    """Give the positions of those that have been there before."""
    if len(values) == len(set(values)):
        return ()
    seen = set[Hashable]()
    positions: list[int] = []
    for index, value in enumerate(values):
        if value in seen:
            positions.append(index)
        seen.add(value)
    return positions


def quoted(value: str) -> str:
    """Quote what a client sent, cut where it is long."""
    return f"'{value}'" if len(value) <= 60 else f"'{value[:57]}…'"

"""The walk over a document: where one is, where there is still to go, and what has been found.

It goes once over each part, never recurses over elements, and builds a path only where there is a fault. So its cost is
proportional to the document, and to what is right with it rather than to what is wrong.
"""

from collections.abc import Callable, Sequence
from typing import Never, TypeAlias, cast

from msgspec import Struct

from titan.errors import Fault
from titan.metamodel.elements import Element, OperationVariable, SubmodelElementList
from titan.metamodel.faults import Faults
from titan.metamodel.references import (
    DataSpecificationIec61360,
    EmbeddedDataSpecification,
    Extension,
    Part,
    Qualifier,
    Referable,
    Reference,
    SpecificAssetId,
)
from titan.metamodel.rules import attributes, concepts, elements, references
from titan.metamodel.rules.references import Breaches

ELEMENT_DEPTH_LIMIT = 32
"""Elements in each other. Spec: IDTA-01001, "Submodel Element Collection": more should not be used."""

TOO_DEEP = f"Elements lie in each other more than {ELEMENT_DEPTH_LIMIT} deep."


class Place(Struct, frozen=True, gc=False):
    """Where something stands in a document: what it is, and how one gets there from what it stands in."""

    thing: Part
    parent: "Place | None" = None
    step: str = ""
    """The member of the parent that it is in, such as `.value`."""
    index: int | None = None
    depth: int = 0
    """How many elements it stands in."""
    templates: bool = True
    """Whether qualifiers of templates may be here: unknown where an element stands alone."""

    def path(self) -> str:
        """Give the JSON path, without the `$` that it begins with."""
        steps: list[str] = []
        place: Place | None = self
        while place is not None:
            steps.append(place.step if place.index is None else f"{place.step}[{place.index}]")
            place = place.parent
        return "".join(reversed(steps))

    def id_short_path(self) -> str:
        """Give the path of names that an element has, or the element that a variable of an operation belongs to."""
        path = ""
        place = self
        while place.parent is not None:
            if isinstance(place.parent.thing, OperationVariable):
                path = ""
            elif not isinstance(place.thing, Element):
                pass
            elif isinstance(place.parent.thing, SubmodelElementList):
                path = f"[{place.index}]{path}"
            else:
                path = f".{place.thing.id_short or ''}{path}"
            place = place.parent
        return path


Visit: TypeAlias = Callable[["Walk", Place, Never], None]
"""What is asked of a thing at its place; each takes things of its own class, and is found by it."""


class Walk:
    """What has been found on the way, and where there is still to go."""

    def __init__(self, root: str, names: str, visit_of: Callable[[type], Visit | None], faults: Faults) -> None:
        self._root = root
        self._names = names
        self._visit_of = visit_of
        self._faults = faults
        self._ahead: list[Place] = []

    def go(self, start: Place) -> None:
        """Visit everything from there on, in the order of the document."""
        self._ahead.append(start)
        while self._ahead:
            place = self._ahead.pop()
            visit = self._visit_of(type(place.thing))
            if visit is not None:
                visit(self, place, cast("Never", place.thing))

    def breach(self, place: Place, path: str, rule: str, breaches: Breaches) -> None:
        """Note where a rule is broken, if it is, from a place and a path from there."""
        for where, text in breaches:
            if self._faults.full:
                self._faults.count()
                continue
            path_here = f"{self._root}{place.path()}{path}{where}"
            names = f"{self._names}{place.id_short_path()}".removeprefix(".")
            self._faults.add(Fault(text=text, path=path_here, rule=rule, id_short_path=names))

    def ahead(self, place: Place, step: str, children: Sequence[Part], *, templates: bool) -> None:
        """Go on with what stands below: elements, variables of an operation, or the documents of an environment."""
        depth = place.depth + 1 if isinstance(children[0], Element) else place.depth
        if depth == ELEMENT_DEPTH_LIMIT + 1 and place.depth < depth:
            self.breach(place, step, "", (("", TOO_DEEP),))
        self._ahead += [
            Place(child, place, step, index, depth, templates) for index, child in reversed([*enumerate(children)])
        ]

    def into(self, place: Place, step: str, child: Part) -> None:
        """Go on with the one element that a variable has."""
        self._ahead.append(Place(child, place, step, None, place.depth + 1))

    def namespace(self, place: Place, step: str, children: Sequence[Element]) -> None:
        """Check names of the elements below an element that are told apart by name, and go on with them."""
        self.breach(place, step, "AASd-117", elements.aasd_117(children))
        self.breach(place, step, "AASd-022", elements.aasd_022(children))
        self.ahead(place, step, children, templates=place.templates)

    def reference(self, place: Place, path: str, reference: Reference) -> None:
        """Check a reference and those that say what it means."""
        if not references.is_plain(reference):
            for rule, breaches_of in references.RULES.items():
                self.breach(place, path, rule, breaches_of(reference))
        if reference.referred_semantic_id is not None:
            self.reference(place, f"{path}.referredSemanticId", reference.referred_semantic_id)

    def references(self, place: Place, path: str, several: Sequence[Reference]) -> None:
        """Check references."""
        for index, reference in enumerate(several):
            self.reference(place, f"{path}[{index}]", reference)

    def semantics(self, place: Place, path: str, thing: attributes.WithSemantics) -> None:
        """Check what something means."""
        if thing.semantic_id is not None:
            self.reference(place, f"{path}.semanticId", thing.semantic_id)
        if thing.supplemental_semantic_ids is not None:
            self.breach(place, path, "AASd-118", attributes.aasd_118(thing))
            self.references(place, f"{path}.supplementalSemanticIds", thing.supplemental_semantic_ids)

    def referable(self, place: Place, thing: Referable) -> None:
        """Check what everything that has an idShort has."""
        if thing.display_name is not None and len(thing.display_name) > 1:
            self.texts(place, ".displayName", thing.display_name)
        if thing.description is not None and len(thing.description) > 1:
            self.texts(place, ".description", thing.description)
        if thing.extensions is not None:
            if len(thing.extensions) > 1:
                self.breach(place, "", "AASd-077", attributes.aasd_077(thing.extensions))
            for index, extension in enumerate(thing.extensions):
                self.extension(place, f".extensions[{index}]", extension)

    def texts(self, place: Place, path: str, texts: Sequence[attributes.InALanguage]) -> None:
        """Check texts in several languages."""
        if len(texts) > 1:
            self.breach(place, path, "", attributes.one_text_a_language(texts))

    def extension(self, place: Place, path: str, extension: Extension) -> None:
        """Check an extension."""
        self.semantics(place, path, extension)
        self.breach(place, path, "", attributes.value_of_extension(extension))
        if extension.refers_to is not None:
            self.references(place, f"{path}.refersTo", extension.refers_to)

    def qualifiers(self, place: Place, qualifiers: Sequence[Qualifier]) -> None:
        """Check the qualifiers of something."""
        if len(qualifiers) > 1:
            self.breach(place, "", "AASd-021", attributes.aasd_021(qualifiers))
        for index, qualifier in enumerate(qualifiers):
            self.qualifier(place, f".qualifiers[{index}]", qualifier)

    def qualifier(self, place: Place, path: str, qualifier: Qualifier) -> None:
        """Check a qualifier."""
        self.semantics(place, path, qualifier)
        if qualifier.value is not None:
            self.breach(place, path, "AASd-020", attributes.aasd_020(qualifier))
        if qualifier.value_id is not None:
            self.reference(place, f"{path}.valueId", qualifier.value_id)

    def asset_ids(self, place: Place, path: str, asset_ids: Sequence[SpecificAssetId]) -> None:
        """Check identifiers of an asset."""
        for index, asset_id in enumerate(asset_ids):
            self.asset_id(place, f"{path}[{index}]", asset_id)

    def asset_id(self, place: Place, path: str, asset_id: SpecificAssetId) -> None:
        """Check an identifier of an asset."""
        self.semantics(place, path, asset_id)
        self.breach(place, path, "AASd-133", attributes.aasd_133(asset_id))
        if asset_id.external_subject_id is not None:
            self.reference(place, f"{path}.externalSubjectId", asset_id.external_subject_id)

    def data_specifications(self, place: Place, path: str, embedded: Sequence[EmbeddedDataSpecification]) -> None:
        """Check data specifications."""
        for index, one in enumerate(embedded):
            self.data_specification(place, f"{path}[{index}]", one)

    def data_specification(self, place: Place, path: str, embedded: EmbeddedDataSpecification) -> None:
        """Check a data specification."""
        self.reference(place, f"{path}.dataSpecification", embedded.data_specification)
        self.concept(place, f"{path}.dataSpecificationContent", embedded.data_specification_content)

    def concept(self, place: Place, path: str, content: DataSpecificationIec61360) -> None:
        """Check what a data specification says."""
        self.breach(place, path, "AASc-3a-002", concepts.aasc_3a_002(content))
        self.breach(place, path, "AASc-3a-009", concepts.aasc_3a_009(content))
        self.breach(place, path, "AASc-3a-010", concepts.aasc_3a_010(content))
        self.texts(place, f"{path}.preferredName", content.preferred_name)
        self.texts(place, f"{path}.shortName", content.short_name or ())
        self.texts(place, f"{path}.definition", content.definition or ())
        if content.unit_id is not None:
            self.reference(place, f"{path}.unitId", content.unit_id)
        for index, pair in enumerate(content.value_list.value_reference_pairs if content.value_list else ()):
            if pair.value_id is not None:
                self.reference(place, f"{path}.valueList.valueReferencePairs[{index}].valueId", pair.value_id)

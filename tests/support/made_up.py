"""Strategies for whole documents: valid ones, as plain JSON, and ones with something changed.

`submodels()` is valid by construction: a test that wants a document that is not draws `changed(submodels())`.
"""

# ruff: noqa: ANN401 - what is made up is plain data, which may be anything

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

from hypothesis import strategies as st

Plain = dict[str, Any]

XML = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n\r")
TEXTS = st.text(XML, min_size=1, max_size=12)
NAMES = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]{0,5}[a-zA-Z0-9_]", fullmatch=True)
LANGUAGES = st.sampled_from(["en", "de", "de-AT", "zh-Hant-TW", "x-klingon", "i-default", "en-GB-oed", "fr-1994"])

VALUES: dict[str, st.SearchStrategy[str]] = {
    "xs:string": st.text(XML, max_size=20),
    "xs:boolean": st.sampled_from(["true", "false", "0", "1"]),
    "xs:int": st.integers(-(2**31), 2**31 - 1).map(str),
    "xs:integer": st.integers().map(str),
    "xs:unsignedByte": st.integers(0, 255).map(str),
    "xs:double": st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(["INF", "-INF", "NaN"]),
    "xs:decimal": st.decimals(allow_nan=False, allow_infinity=False, places=3).map("{:f}".format),
    "xs:date": st.dates().map(str),
    "xs:dateTime": st.datetimes().map(lambda at: at.isoformat() + "Z"),
    "xs:time": st.times().map(str),
    "xs:duration": st.sampled_from(["P1Y", "-P1DT2H", "PT0.5S"]),
    "xs:gYear": st.integers(1, 9999).map("{:04}".format),
    "xs:hexBinary": st.binary(max_size=8).map(bytes.hex),
    "xs:base64Binary": st.sampled_from(["", "QQ==", "QUI=", "QUJD"]),
    "xs:anyURI": st.sampled_from(["", "urn:a", "http://[::1]/a?b[]#c", "../a%20b"]),
}


@st.composite
def submodels(draw: st.DrawFn, *, depth: int = 3) -> Plain:
    """A submodel with everything that one can have, elements up to that depth in each other."""
    is_template = draw(st.booleans())
    document = (
        {"modelType": "Submodel", "id": draw(TEXTS)} | draw(referable()) | draw(_described(is_template=is_template))
    )
    if is_template or draw(st.booleans()):
        document["kind"] = "Template" if is_template else "Instance"
    if draw(st.booleans()):
        document["idShort"] = draw(NAMES)
    if draw(st.booleans()):
        document["administration"] = {
            "version": "1",
            "revision": draw(st.integers(0, 9999).map(str)),
            "creator": draw(references()),
        }
    below = draw(named_elements(depth=depth, is_template=is_template))
    return document | ({"submodelElements": below} if below else {})


@cache
def named_elements(*, depth: int, is_template: bool) -> st.SearchStrategy[list[Plain]]:
    """Elements of one namespace."""
    if depth == 0:
        return st.just([])
    one = st.builds(
        lambda name, element: {"idShort": name} | element, NAMES, elements(depth=depth, is_template=is_template)
    )
    return st.lists(one, max_size=3, unique_by=lambda element: element["idShort"])


@st.composite
def elements(draw: st.DrawFn, *, depth: int, is_template: bool = False) -> Plain:
    """An element of any type, without a name."""
    name = draw(st.sampled_from(list(_OWN)))
    own = draw(_OWN[name](depth, is_template))
    return {"modelType": name} | own | draw(referable()) | draw(_described(is_template=is_template))


_KEY_PATHS = st.lists(st.tuples(NAMES, st.sampled_from(["Property", "File", "Entity"]), st.integers(0, 99)), max_size=2)


@cache
def references() -> st.SearchStrategy[Plain]:
    """A reference of either kind, now and then one that says what it means."""
    external = st.lists(TEXTS, min_size=1, max_size=2).map(_external)
    model = st.builds(_model, TEXTS, _KEY_PATHS, st.booleans())
    one = external | model
    explained = st.builds(lambda reference, meaning: reference | {"referredSemanticId": meaning}, one, external)
    return one | external | explained


def _external(values: list[str]) -> Plain:
    return {"type": "ExternalReference", "keys": [{"type": "GlobalReference", "value": value} for value in values]}


def _model(identifier: str, path: list[tuple[str, str, int]], has_fragment: bool) -> Plain:  # noqa: FBT001 - drawn
    keys = [("Submodel", identifier)]
    for name, kind, position in path:
        keys += [("SubmodelElementList", name), (kind, str(position))]
    if keys[-1][0] == "File" and has_fragment:
        keys.append(("FragmentReference", "page=1"))
    return {"type": "ModelReference", "keys": [{"type": kind, "value": value} for kind, value in keys]}


@cache
def texts(*, longest: int = 18) -> st.SearchStrategy[list[Plain]]:
    """Texts in several languages."""
    one = st.fixed_dictionaries({"language": LANGUAGES, "text": st.text(XML, min_size=1, max_size=longest)})
    return st.lists(one, min_size=1, max_size=2, unique_by=lambda text: text["language"])


@cache
def referable() -> st.SearchStrategy[Plain]:
    """What everything has that can have a name, but the name."""
    extension = st.fixed_dictionaries(
        {"name": TEXTS},
        optional={"value": VALUES["xs:string"], "refersTo": st.lists(references(), min_size=1, max_size=2)},
    )
    extensions = st.lists(extension, min_size=1, max_size=2, unique_by=lambda one: str(one["name"]))
    return rarely(displayName=texts(), description=texts(), category=TEXTS, extensions=extensions)


@cache
def typed(*names: str) -> st.SearchStrategy[Plain]:
    """A value type, and values of it under these names, some of them absent."""
    return st.one_of(
        [
            st.fixed_dictionaries({"valueType": st.just(type_)}, optional=dict.fromkeys(names, values))
            for type_, values in VALUES.items()
        ]
    )


def rarely(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Plain]:
    """Members that mostly are not there."""
    return st.just({}) | st.fixed_dictionaries({}, optional=members)


@st.composite
def changed(draw: st.DrawFn, documents: st.SearchStrategy[Plain]) -> Plain:
    """A document with one to three things changed in it, wherever: it may be valid or not."""
    # Strategies share what they do not draw.
    document = deepcopy(draw(documents))
    for _ in range(draw(st.integers(1, 3))):
        spots = list(_spots(document))
        if not spots:
            break
        container, key = draw(st.sampled_from(spots))
        draw(st.sampled_from(_CHANGES))(draw, container, key)
    return document


@st.composite
def _described(draw: st.DrawFn, *, is_template: bool) -> Plain:
    described = draw(rarely(semanticId=references()))
    if described and draw(st.booleans()):
        described["supplementalSemanticIds"] = [draw(references())]
    if draw(st.integers(0, 4)) == 0:
        kinds = ["ValueQualifier", "ConceptQualifier"] + ["TemplateQualifier"] * is_template
        optional = {"kind": st.sampled_from(kinds), "valueId": references()}
        one = st.builds(
            lambda type_, value, more: {"type": type_} | value | more, TEXTS, typed("value"), rarely(**optional)
        )
        described["qualifiers"] = draw(st.lists(one, min_size=1, max_size=2, unique_by=lambda one: one["type"]))
    if draw(st.integers(0, 9)) == 0:
        named = [{"language": "en", "text": draw(TEXTS)}]
        content = {"modelType": "DataSpecificationIec61360", "preferredName": named} | draw(
            rarely(unit=TEXTS, value=TEXTS)
        )
        described["embeddedDataSpecifications"] = [
            {"dataSpecification": draw(references()), "dataSpecificationContent": content}
        ]
    return described


@cache
def _list(depth: int, is_template: bool) -> st.SearchStrategy[Plain]:  # noqa: FBT001 - as all of its table
    said = {"typeValueListElement": st.just("Property"), "valueTypeListElement": st.just("xs:int")}
    one = st.fixed_dictionaries(
        {"modelType": st.just("Property"), "valueType": st.just("xs:int")}, optional={"value": VALUES["xs:int"]}
    )
    of_properties = st.fixed_dictionaries(said, optional={"value": st.lists(one, min_size=1, max_size=3)})
    if depth <= 1:
        return of_properties
    any_element = st.lists(elements(depth=depth - 1, is_template=is_template), min_size=1, max_size=2)
    alike = any_element.map(lambda several: [{k: v for k, v in one.items() if "emanticId" not in k} for one in several])
    anything = st.fixed_dictionaries({"typeValueListElement": st.just("SubmodelElement")}, optional={"value": alike})
    return of_properties | anything


@cache
def _below(name: str, depth: int, *, is_template: bool) -> st.SearchStrategy[Plain]:
    below = named_elements(depth=depth - 1, is_template=is_template)
    return below.map(lambda several: {name: several} if several else {})


@cache
def _variables(depth: int) -> st.SearchStrategy[Plain]:
    several = named_elements(depth=min(depth - 1, 1), is_template=False)
    wrapped = several.map(lambda elements: [{"value": element} for element in elements])
    return wrapped.map(lambda variables: {"inputVariables": variables} if variables else {})


_EVENT = {
    "observed": references().filter(
        lambda reference: reference["keys"][-1]["type"] in {"Submodel", "Property", "Entity"}
    ),
    "direction": st.just("output"),
    "state": st.sampled_from(["on", "off"]),
}
_OWN: dict[str, Callable[[int, bool], st.SearchStrategy[Plain]]] = {
    "Property": lambda _, __: typed("value"),
    "Range": lambda _, __: typed("min", "max"),
    "MultiLanguageProperty": lambda _, __: rarely(value=texts(), valueId=references()),
    "ReferenceElement": lambda _, __: rarely(value=references()),
    "File": lambda _, __: rarely(
        value=st.sampled_from(["/a.pdf", "http://b/%20"]), contentType=st.just("text/plain; a=b")
    ),
    "Blob": lambda _, __: rarely(value=VALUES["xs:base64Binary"], contentType=st.just("image/png")),
    "Capability": lambda _, __: st.just({}),
    "RelationshipElement": lambda _, __: rarely(first=references(), second=references()),
    "AnnotatedRelationshipElement": lambda _, __: rarely(first=references(), second=references()),
    "BasicEventElement": lambda _, __: st.fixed_dictionaries(_EVENT, optional={"maxInterval": VALUES["xs:duration"]}),
    "Operation": lambda depth, _: _variables(depth),
    "Entity": lambda depth, template: _below("statements", depth, is_template=template),
    "SubmodelElementCollection": lambda depth, template: _below("value", depth, is_template=template),
    "SubmodelElementList": _list,
}


def _spots(plain: Any) -> Any:
    """Every place in a document: what contains it, and under which name or number."""
    for key, value in plain.items() if isinstance(plain, dict) else enumerate(plain):
        yield plain, key
        if isinstance(value, dict | list):
            yield from _spots(value)


def _remove(_: st.DrawFn, container: Any, key: Any) -> None:
    if isinstance(container, dict):
        del container[key]


def _replace(draw: st.DrawFn, container: Any, key: Any) -> None:
    texts_and_all = st.sampled_from([None, "", [], {}, 5, 0.5, True, "x", "xs:int", "Template", "Property", "-1"])
    container[key] = draw(texts_and_all | TEXTS)


def _repeat(_: st.DrawFn, container: Any, key: Any) -> None:
    if isinstance(container, list):
        container.append(container[key])


def _add(draw: st.DrawFn, container: Any, key: Any) -> None:
    names = ["colour", "modelType", "kind", "value", "idShort", "valueType", "supplementalSemanticIds", "maxInterval"]
    if isinstance(container, dict):
        container[draw(st.sampled_from(names))] = container[key]


_CHANGES = [_remove, _replace, _repeat, _add]

"""The XML of the corpus, and the official schema made to take every class."""

import tarfile
from functools import cache

from lxml import etree

from support.documents import CORPUS, MATERIAL, Instance

SCHEMA = MATERIAL / "spec" / "part1-3.1.2" / "AAS.xsd"
_XS = "{http://www.w3.org/2001/XMLSchema}"


@cache
def xml_corpus() -> tuple[Instance, ...]:
    """All XML of the corpus, each with the name of its twin in JSON; none where it is absent."""
    if not CORPUS.exists():
        return ()
    with tarfile.open(CORPUS) as archive:
        return tuple(
            _instance(member.name, file.read())
            for member in archive
            if member.name.startswith("Xml/") and (file := archive.extractfile(member)) is not None
        )


def xml_expected() -> dict[str, Instance]:
    """What is valid, by the name of its twin."""
    return {instance.name: instance for instance in xml_corpus() if instance.category == "Expected"}


def xml_unexpected() -> list[Instance]:
    return [instance for instance in xml_corpus() if instance.category != "Expected"]


def _instance(name: str, body: bytes) -> Instance:
    _, *verdicts, rest = name.split("/", 2 if name.startswith("Xml/Expected/") else 4)
    element, _, file = rest.partition("/")
    model = element[0].upper() + element[1:]
    twin = "/".join(["Json", *verdicts, model, file]).replace(".xml", ".json")
    return Instance(name=twin, model=model, category=verdicts[-1], body=body)


def schema() -> etree.XMLSchema:
    """The official schema; it has a root for an environment alone, this has one for every class."""
    tree = etree.parse(SCHEMA)
    root = tree.getroot()
    names = {element.get("name") for element in root.findall(f"{_XS}element")}
    for declared in root.findall(f"{_XS}complexType"):
        name = (declared.get("name") or "").removesuffix("_t")
        if name not in names:
            etree.SubElement(root, f"{_XS}element", name=name, type=f"{name}_t")
    return etree.XMLSchema(tree)


def infoset(body: bytes) -> bytes:
    """What a document says, whatever its layout: canonical XML, without white space between elements."""
    root = etree.fromstring(body)
    for element in root.iter():
        if len(element):
            element.text = None
        element.tail = None
    return etree.tostring(root, method="c14n")

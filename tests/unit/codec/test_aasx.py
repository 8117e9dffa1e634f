"""A package is an OPC container with one environment, and the files that its documents name, however it is read."""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

import msgspec
import pytest
from lxml import etree

from support.documents import environments, needs_environments
from support.xml_corpus import infoset
from titan.codec import json, xml
from titan.codec.aasx import CONTENT, Package
from titan.codec.files import held, held_digests
from titan.metamodel.elements import File, SubmodelElementCollection
from titan.metamodel.identifiables import (
    AssetAdministrationShell,
    AssetInformation,
    Environment,
    Identifiable,
    Resource,
    Submodel,
)
from titan.metamodel.kinds import KINDS

RELATIONSHIPS = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
THUMBNAIL = "http://schemas.openxmlformats.org/package/2006/relationships/metadata/thumbnail"
OURS = "http://admin-shell.io/aasx/relationships/"
NAMESPACES = {"aas": xml.NAMESPACE}

MANUAL, PICTURE = b"%PDF-1.7 manual" * 1000, b"\x89PNG picture"
CONTENTS = {sha256(content).hexdigest(): content for content in (MANUAL, PICTURE)}
KIND_OF = {kind.model: kind for kind in KINDS.values()}


def path_to(content: bytes, name: str) -> str:
    return f"/attachments/{sha256(content).hexdigest()}/{name}"


def files(*values: str, content_type: str | None = "application/pdf") -> Submodel:
    elements = [File(id_short=f"File_{i}", content_type=content_type, value=value) for i, value in enumerate(values)]
    return Submodel(id="urn:s", submodel_elements=[SubmodelElementCollection(id_short="Files", value=[*elements])])


def shell(id: str, thumbnail: str) -> AssetAdministrationShell:
    picture = Resource(path=thumbnail, content_type="image/png")
    asset = AssetInformation(asset_kind="Type", global_asset_id="urn:a", default_thumbnail=picture)
    return AssetAdministrationShell(id=id, asset_information=asset)


def pieces_of(documents: Sequence[Identifiable], contents: Mapping[str, bytes]) -> Iterator[bytes]:
    package = Package()
    for document in documents:
        sizes = {digest: len(contents[digest]) for digest in held_digests([json.encode(document)]) & contents.keys()}
        yield package.add(KIND_OF[type(document)], document, sizes)
    for file in package.enclosed:
        yield package.begin(file)
        for start in range(0, file.size, 4096):
            yield package.go_on(contents[file.digest][start : start + 4096])
    yield package.end()


def packed(*documents: Identifiable, contents: Mapping[str, bytes] = CONTENTS) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces_of(documents, contents))))
    assert archive.testzip() is None
    return archive


def related(archive: zipfile.ZipFile, rels: str) -> dict[str, list[str]]:
    """Targets by type, each the name of a part that is there."""
    found: dict[str, list[str]] = {}
    ids = set()
    for one in etree.fromstring(archive.read(rels)).iter(RELATIONSHIPS):
        assert one.attrib["Target"][1:] in archive.namelist()
        ids.add(one.attrib["Id"])
        found.setdefault(one.attrib["Type"], []).append(one.attrib["Target"])
    assert len(ids) == sum(map(len, found.values()))
    return found


def content_type(archive: zipfile.ZipFile, part: str) -> str:
    types = etree.fromstring(archive.read("[Content_Types].xml"))
    overrides = {one.attrib["PartName"]: one.attrib["ContentType"] for one in types if "PartName" in one.attrib}
    defaults = {one.attrib["Extension"]: one.attrib["ContentType"] for one in types if "Extension" in one.attrib}
    return overrides[part] if part in overrides else defaults[part.rpartition(".")[2]]


def values_of(archive: zipfile.ZipFile) -> list[str | None]:
    root = etree.fromstring(archive.read(CONTENT[1:]))
    return [one.text for one in root.iterfind(".//aas:file/aas:value", NAMESPACES)]


def test_the_environment_is_found_by_way_of_the_origin() -> None:
    archive = packed(files("https://example.com/a.pdf"))
    (origin,) = related(archive, "_rels/.rels")[OURS + "aasx-origin"]
    assert archive.read(origin[1:])
    assert content_type(archive, origin) == "text/plain"
    folder, _, name = origin[1:].rpartition("/")
    assert related(archive, f"{folder}/_rels/{name}.rels") == {OURS + "aas-spec": [CONTENT]}
    assert content_type(archive, CONTENT) == "text/xml"
    whole = Environment(submodels=[files("https://example.com/a.pdf")])
    assert infoset(archive.read(CONTENT[1:])) == infoset(xml.encode(whole))
    assert "aasx/xml/_rels/content.xml.rels" not in archive.namelist()


def test_files_that_the_server_holds_are_in_the_package_and_their_values_name_them_there() -> None:
    archive = packed(files(path_to(MANUAL, "a%20manual.pdf"), "/elsewhere.pdf", path_to(PICTURE, "p.png")))
    first, second, third = values_of(archive)
    assert second == "/elsewhere.pdf"
    assert archive.read(str(first)[1:]) == MANUAL
    assert archive.read(str(third)[1:]) == PICTURE
    assert str(first).startswith("/aasx/files/")
    assert str(first).endswith("/a%20manual.pdf")
    assert content_type(archive, str(first)) == "application/pdf"
    assert related(archive, "aasx/xml/_rels/content.xml.rels") == {OURS + "aas-suppl": [first, third]}


def test_a_file_that_is_gone_keeps_the_value_that_it_had() -> None:
    lost = path_to(b"lost", "lost.pdf")
    archive = packed(files(lost, path_to(MANUAL, "m.pdf")))
    assert values_of(archive)[0] == lost
    assert len([name for name in archive.namelist() if name.startswith("aasx/files/")]) == 1


def test_one_content_under_one_name_is_in_the_package_once() -> None:
    archive = packed(files(path_to(MANUAL, "m.pdf"), path_to(MANUAL, "m.pdf"), path_to(MANUAL, "M.PDF")))
    assert len(set(values_of(archive))) == 1


@pytest.mark.parametrize("name", ["a%2Fb.pdf", "a%5Cb.pdf", "", ".", "..", "a.", "ä.pdf", "%", "%zz", "a b"])
def test_every_file_name_becomes_the_name_of_a_part(name: str) -> None:
    archive = packed(files(path_to(MANUAL, name)))
    (value,) = values_of(archive)
    assert archive.read(str(value)[1:]) == MANUAL
    segment = str(value).rpartition("/")[2]
    assert segment.isascii()
    assert segment.strip(".")
    assert not segment.endswith(".")
    assert len(str(value).split("/")) == 5


def test_the_thumbnail_of_the_first_shell_is_that_of_the_package() -> None:
    other = path_to(MANUAL, "m.png")
    archive = packed(shell("urn:1", path_to(PICTURE, "p.png")), shell("urn:2", other))
    (thumbnail,) = related(archive, "_rels/.rels")[THUMBNAIL]
    assert archive.read(thumbnail[1:]) == PICTURE
    assert content_type(archive, thumbnail) == "image/png"
    root = etree.fromstring(archive.read(CONTENT[1:]))
    paths = [one.text for one in root.iterfind(".//aas:defaultThumbnail/aas:path", NAMESPACES)]
    assert paths[0] == thumbnail
    assert archive.read(str(paths[1])[1:]) == MANUAL


def test_a_package_of_nothing_is_a_package() -> None:
    archive = packed()
    assert infoset(archive.read(CONTENT[1:])) == infoset(b'<environment xmlns="%b"/>' % xml.NAMESPACE.encode())


def test_packages_of_the_same_documents_are_the_same() -> None:
    documents = (shell("urn:1", path_to(PICTURE, "p.png")), files(path_to(MANUAL, "m.pdf")))
    assert b"".join(pieces_of(documents, CONTENTS)) == b"".join(pieces_of(documents, CONTENTS))


@needs_environments
@pytest.mark.parametrize("file", environments(), ids=lambda file: file.stem)
def test_real_environments_are_packed_whole(file: object) -> None:
    body = file.read_bytes()  # pyright: ignore[reportAttributeAccessIssue]
    whole, _ = json.read_part(Environment, msgspec.json.encode(msgspec.json.decode(body)), lenient=True)
    documents = [
        *(whole.asset_administration_shells or ()),
        *(whole.submodels or ()),
        *(whole.concept_descriptions or ()),
    ]
    assert packed(*documents).read(CONTENT[1:]).strip() == xml.encode(whole)


def test_only_the_path_that_the_server_gives_names_a_content_of_its_own() -> None:
    digest = sha256(MANUAL).hexdigest()
    assert held(f"/attachments/{digest}/a.pdf") == (digest, "a.pdf")
    for other in (f"/attachments/{digest}", f"/attachments/{digest}/a/b", f"/x/attachments/{digest}/a", "/a.pdf", ""):
        assert held(other) is None

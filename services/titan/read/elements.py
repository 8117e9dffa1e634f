"""GET of elements: one by its path, all by page, each in every view. No more of a submodel is read than is shown."""

from collections.abc import Sequence

from msgspec import Raw, Struct

from titan.codec.json import stored_element
from titan.codec.metadata import metadata
from titan.codec.paths import paths_from
from titan.codec.value import has_value_form, value
from titan.codec.views import element_reference, shape, way_to
from titan.codec.within import LostError, children, find, model, names
from titan.errors import Invalid, NotFound, Unavailable
from titan.http.reached import missing, reached
from titan.http.routes import Call
from titan.metamodel.kinds import Subject
from titan.metamodel.paths import Path, parse, text
from titan.read.answers import Answers, Made
from titan.read.load import Load
from titan.read.modifiers import Modifiers, Restore, modifiers
from titan.read.pages import Limits, Paths, Wanted, opening, wanted
from titan.read.viewed import run_viewed
from titan.storage.documents import Branch
from titan.storage.elements import Outline, bodies
from titan.storage.postgres import Pool

ATTEMPTS = 20
"""How often a submodel may change between the two statements of one page."""

_HAS_PATHS = frozenset({"SubmodelElementCollection", "SubmodelElementList", "Entity"})
"""Elements that have a `$path` view."""

_ALL_METADATA = frozenset({"Capability", "Operation"})
"""Elements without a view `$metadata` by path: IDTA-01002, "SerializationModifier", knows them as they are alone.

Its OpenAPI has one for them all the same; the IDTA's own test tool expects a refusal.
"""


class _Page(Struct, frozen=True):
    """As much of a submodel as a page of its elements is made of."""

    stands: Outline
    id_shorts: list[str]
    """Of all its elements."""
    start: int
    end: int
    given: int
    """How many paths of the first element on the page were on pages before."""
    elements: Sequence[Raw]


class Elements:
    """Serves elements of submodels, in their repository or below a shell."""

    def __init__(  # what an element and a page of them are made of
        self,
        answers: Answers,
        load: Load,
        pool: Pool,
        *,
        limits: Limits,
        restore: Restore,
    ) -> None:
        self._answers = answers
        self._load = load
        self._pool = pool
        self._limits = limits
        self._restore = restore

    async def show(self, call: Call) -> None:
        """GET of one element by its path.

        Raises:
            Invalid: where the path is none, or the element has no such view.
            NotFound: where there is no such submodel or element.
        """
        found = reached(call)
        subject = found.subject
        path = parse(call.named["idShortPath"])
        chosen = modifiers(call)

        async def make() -> Made:
            await self._load.confirm(found)
            branch = await self._load.branch(subject, str(path[0]))
            if branch is None:
                raise missing(subject)
            try:
                shown = element_viewed(subject, _around(branch), path, chosen, has_blobs=branch.blobs)
            except LostError as error:
                raise lost(subject, path, error) from error
            pieces = await self._restored((shown,), chosen, has_blobs=branch.blobs)
            return Made(chosen.etag(branch.revision, has_blobs=branch.blobs), pieces)

        await self._answers.give(call, found.keys, make)

    async def list(self, call: Call) -> None:
        """GET of the elements right below a submodel, by page.

        Raises:
            Invalid: where the modifiers, the limit or the cursor are not the standard's.
            NotFound: where there is no such submodel.
        """
        found = reached(call)
        chosen = modifiers(call)
        page = wanted(call.query, self._limits)

        async def make() -> Made:
            await self._load.confirm(found)
            part = await self._page(found.subject, page)
            pieces = _page_viewed(found.subject, part, chosen, limit=page.limit)
            stands = part.stands
            whole = await self._restored(pieces, chosen, has_blobs=stands.blobs)
            return Made(chosen.etag(stands.revision, has_blobs=stands.blobs), whole)

        await self._answers.give(call, found.keys, make)

    async def _restored(self, pieces: Sequence[bytes], chosen: Modifiers, *, has_blobs: bool) -> Sequence[bytes]:
        return await self._restore(pieces) if chosen.blobs and has_blobs else pieces

    async def _page(self, subject: Subject, page: Wanted) -> _Page:
        for _ in range(ATTEMPTS):
            stands = await self._load.outline(subject)
            if stands is None:
                raise missing(subject)
            if not stands.ordinals:
                elements = children(stands.head)
                id_shorts = names(elements)
                start, end, given = page.among(id_shorts)
                return _Page(stands, id_shorts, start, end, given, elements[start:end])
            id_shorts = [name for chunk in stands.id_shorts for name in chunk]
            start, end, given = page.among(id_shorts)
            run = await self._run(subject, stands, start, end)
            if run is not None:
                return _Page(stands, id_shorts, start, end, given, run)
        raise Unavailable("The submodel changes faster than a page of it is read.")

    async def _run(self, subject: Subject, stands: Outline, start: int, end: int) -> Sequence[Raw] | None:
        """These elements of a submodel in chunks; None where it changed since."""
        first, ordinals = 0, list[int]()
        at = 0
        for ordinal, id_shorts in zip(stands.ordinals, stands.id_shorts, strict=True):
            if at < end and start < at + len(id_shorts):
                first = first if ordinals else at
                ordinals.append(ordinal)
            at += len(id_shorts)
        if not ordinals:
            return []
        chunks = await bodies(self._pool, subject.key, stands.revision, ordinals)
        if chunks is None:
            return None
        return children(_enclosed(b",".join(chunks)))[start - first : end - first]


def _page_viewed(subject: Subject, page: _Page, chosen: Modifiers, *, limit: int) -> tuple[bytes, bytes]:
    if chosen.content == "path":
        return _paths_viewed(subject, page, chosen, limit=limit)
    shown = run_viewed(subject.id, b",".join(page.elements), chosen, has_blobs=page.stands.blobs)
    result = b"{%b}}" % shown if chosen.content == "value" else b"[%b]}" % shown
    return opening(page.id_shorts, page.end), result


def _paths_viewed(subject: Subject, page: _Page, chosen: Modifiers, *, limit: int) -> tuple[bytes, bytes]:
    """The limit is one of paths, so that a page may end within an element."""
    paths = Paths(limit)
    end, given = page.end, None
    for at, element in enumerate(page.elements, page.start):
        below = run_viewed(subject.id, bytes(element), chosen, has_blobs=False)
        given = paths.take(below, given=page.given if at == page.start else 0)
        if given is not None:
            end = at + 1
            break
    return opening(page.id_shorts, end, given=given or 0), b"[%b]}" % paths.shown


def element_viewed(subject: Subject, around: bytes, path: Path, chosen: Modifiers, *, has_blobs: bool) -> bytes:
    """Give a view of an element.

    Args:
        subject: The submodel.
        around: As much of it as the element lies in.
        path: Of the element.
        chosen: The view.
        has_blobs: Whether there are Blobs in the submodel.

    Raises:
        Invalid: where elements of its class have no such view.
        NotFound: where its value is asked for, and it has none now.
        LostError: where the path leads nowhere.
    """
    if chosen.content == "reference":
        return element_reference(subject.id, way_to(around, path))
    element = find(around, path)
    match chosen.content:
        case "metadata":
            if model(element) in _ALL_METADATA:
                raise Invalid(f"{model(element)} has no $metadata of its own: it is the element.", path="idShortPath")
            return metadata(element)
        case "value":
            return _value(element, path, chosen)
        case "path":
            if model(element) not in _HAS_PATHS:
                raise Invalid(f"{model(element)} has no $path: there can be no path below it.", path="idShortPath")
            return b"[%b]" % paths_from(element, path, core=chosen.core)
        case _:
            if chosen.core or (has_blobs and not chosen.blobs):
                return shape(element, core=chosen.core, blobs=chosen.blobs)
            return element


def lost(subject: Subject, path: Path, error: LostError) -> NotFound:
    """Say where a path begins to lead nowhere."""
    return NotFound(f"There is no element {text(path)!r} in the submodel {subject.id!r}: nothing is at {error.way!r}.")


def _value(element: bytes, path: Path, chosen: Modifiers) -> bytes:
    decoded = stored_element(element)
    if not has_value_form(decoded):
        raise Invalid(f"{model(element)} has no $value: elements of that class hold none.", path="idShortPath")
    shown = value(decoded, core=chosen.core, blobs=chosen.blobs)
    if shown is None:
        raise NotFound(f"The element {text(path)!r} has no value now.")
    return shown


def _around(branch: Branch) -> bytes:
    return _enclosed(branch.chunk) if branch.count else branch.head


def _enclosed(run: bytes) -> bytes:
    """As much of a submodel as paths need to begin in it."""
    return b'{"modelType":"Submodel","submodelElements":[%b]}' % run

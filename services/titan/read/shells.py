"""GET of what stands in a shell: its asset information, and its references to submodels."""

from titan.codec.shells import asset_information, names_of, submodel_references
from titan.http.reached import missing
from titan.http.requests import etag
from titan.http.routes import Call
from titan.metamodel.kinds import SHELL, Subject
from titan.read.answers import Answers, Made
from titan.read.load import Load, Loaded
from titan.read.pages import Limits, opening, wanted


class Shells:
    """Serves parts of shells."""

    def __init__(self, answers: Answers, load: Load, limits: Limits) -> None:
        self._answers = answers
        self._load = load
        self._limits = limits

    async def show_asset(self, call: Call) -> None:
        """GET /shells/{aasIdentifier}/asset-information.

        Raises:
            NotFound: where there is no such shell.
        """
        subject = _subject(call)

        async def make() -> Made:
            shell = await self._loaded(subject)
            return Made(etag(shell.revision), (asset_information(b"".join(shell.pieces)),))

        await self._answers.give(call, (subject.key,), make)

    async def list_references(self, call: Call) -> None:
        """GET /shells/{aasIdentifier}/submodel-refs, by page.

        Raises:
            Invalid: where the limit or the cursor is none.
            NotFound: where there is no such shell.
        """
        subject = _subject(call)
        page = wanted(call.query, self._limits)

        async def make() -> Made:
            shell = await self._loaded(subject)
            references = submodel_references(b"".join(shell.pieces))
            names = names_of(references)
            start, end, _ = page.among(names)
            shown = b"[%b]}" % b",".join(references[start:end])
            return Made(etag(shell.revision), (opening(names, end), shown))

        await self._answers.give(call, (subject.key,), make)

    async def _loaded(self, subject: Subject) -> Loaded:
        shell = await self._load(subject)
        if shell is None:
            raise missing(subject)
        return shell


def _subject(call: Call) -> Subject:
    return Subject(SHELL, call.named["aasIdentifier"])

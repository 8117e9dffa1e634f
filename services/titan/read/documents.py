"""GET of one document: bytes in, bytes out. Decoded is only what a view leaves something out of."""

from titan.http.reached import missing, reached
from titan.http.routes import Call
from titan.metamodel.kinds import SUBMODEL
from titan.read.answers import Answers, Made, in_turns
from titan.read.load import Load
from titan.read.modifiers import Modifiers, Restore, modifiers
from titan.read.viewed import document_viewed


class Documents:
    """Serves single documents."""

    def __init__(self, answers: Answers, load: Load, restore: Restore) -> None:
        self._answers = answers
        self._load = load
        self._restore = restore

    async def show(self, call: Call) -> None:
        """GET of a document, or of a view of it, in its repository or below a shell.

        Raises:
            Invalid: where the modifiers are not the standard's.
            NotFound: where there is no such document, or the shell does not refer to it.
        """
        wanted = reached(call)
        subject = wanted.subject
        # Shells and concept descriptions have neither levels nor Blobs.
        chosen = modifiers(call) if subject.kind is SUBMODEL else Modifiers(call.operation.view)

        async def make() -> Made:
            await self._load.confirm(wanted)
            loaded = await self._load(subject)
            if loaded is None:
                raise missing(subject)
            has_blobs = loaded.blobs
            pieces = await in_turns(document_viewed(subject, loaded.pieces, chosen, has_blobs=has_blobs))
            if chosen.content == "path":
                pieces = [b"[", *pieces, b"]"]
            whole = await self._restore(pieces) if chosen.blobs and has_blobs else pieces
            return Made(chosen.etag(loaded.revision, has_blobs=has_blobs), whole)

        await self._answers.give(call, wanted.keys, make)

"""PUT and DELETE of attachments and thumbnails: the bytes stand in the blob store before the document refers to them.

So a file is replaced without a moment in which there is none; what nothing refers to any more is collected later.

Spec: IDTA-01002, PutFileByPath and PutThumbnail. It leaves open what the document says then: `value` is a path of this
server with the digest and the name in it, `contentType` that of the part, or of the name where the part says nothing.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from mimetypes import guess_type

from msgspec import structs

from titan.errors import MethodNotAllowed, NotFound, TitanError
from titan.events.decide import require_none
from titan.http.files import UNKNOWN_TYPE, Held, file_name, held, media_type
from titan.http.multipart import Form
from titan.http.requests import Listening, condition
from titan.http.routes import Call
from titan.metamodel.elements import File, SubmodelElement
from titan.metamodel.identifiables import AssetAdministrationShell, Resource
from titan.metamodel.paths import text
from titan.storage.blobs.store import Blobs
from titan.write.answers import Answers
from titan.write.elements import Elements
from titan.write.shells import Shells, subject_of

HEARD_OUT_BYTES = 64 * 1024 * 1024
"""How much of a file is taken from a client that is refused."""
TYPE_LIMIT = 128
"""Characters of a media type. Spec: IDTA-01001, ContentType."""


class Files:
    """Takes files, and takes them away."""

    def __init__(self, elements: Elements, shells: Shells, answers: Answers, blobs: Blobs, *, limit_bytes: int) -> None:
        self._elements = elements
        self._shells = shells
        self._answers = answers
        self._blobs = blobs
        self._limit_bytes = limit_bytes

    async def put_attachment(self, call: Call) -> None:
        """PUT …/{idShortPath}/attachment.

        Raises:
            NotFound: where there is no such element.
            MethodNotAllowed: where it is no File.
            TooLarge: where the file is; nothing is kept of it.
        """
        async with _heard_out(call) as heard:
            subject, path = await self._elements.reach(call)
            # Nobody's file is stored for nothing.
            _file(await self._elements.find(subject, path), text(path))
            taken = await self._take(heard)

        asked = condition(call.scope["headers"])

        def refer(element: SubmodelElement) -> SubmodelElement:
            file = _file(element, text(path))
            require_none(asked, exists=held(file.value) is not None)
            return structs.replace(file, value=taken.path, content_type=taken.content_type)

        done = await self._elements.change(call, subject, path, refer, asked=asked.on_revisions)
        await self._answers.changed(call, done)

    async def remove_attachment(self, call: Call) -> None:
        """DELETE …/{idShortPath}/attachment: the element stays, and says still of which type its files are.

        Raises:
            NotFound: where there is no such element, or no file that this server holds.
            MethodNotAllowed: where it is no File.
        """
        subject, path = await self._elements.reach(call)

        def forget(element: SubmodelElement) -> SubmodelElement:
            file = _file(element, text(path))
            if held(file.value) is None:
                raise NotFound(f"There is no file at {text(path)} that this server holds.")
            return structs.replace(file, value=None)

        # The standard's OpenAPI says 200 here, and 204 everywhere else.
        await self._answers.changed(call, await self._elements.change(call, subject, path, forget), 200)

    async def put_thumbnail(self, call: Call) -> None:
        """PUT …/asset-information/thumbnail.

        Raises:
            NotFound: where there is no such shell.
            TooLarge: where the file is; nothing is kept of it.
        """
        subject = subject_of(call)
        async with _heard_out(call) as heard:
            await self._shells.require(subject)
            taken = await self._take(heard)

        asked = condition(call.scope["headers"])

        def refer(shell: AssetAdministrationShell) -> AssetAdministrationShell:
            require_none(asked, exists=shell.asset_information.default_thumbnail is not None)
            return _with_thumbnail(shell, taken)

        await self._answers.changed(call, await self._shells.change(call, subject, refer, asked=asked.on_revisions))

    async def remove_thumbnail(self, call: Call) -> None:
        """DELETE …/asset-information/thumbnail.

        Raises:
            NotFound: where there is no such shell, or it has no thumbnail.
        """

        def forget(shell: AssetAdministrationShell) -> AssetAdministrationShell:
            if shell.asset_information.default_thumbnail is None:
                raise NotFound(f"The shell {shell.id!r} has no thumbnail.")
            return _with_thumbnail(shell, None)

        await self._answers.changed(call, await self._shells.change(call, subject_of(call), forget))

    async def _take(self, call: Call) -> Resource:
        form = Form(call.receive, call.scope, limit_bytes=self._limit_bytes)
        stored = await self._blobs.put(form.file(), limit_bytes=self._limit_bytes)
        name = file_name(form.text("fileName"), form.file_name)
        return Resource(path=Held(stored.digest, name).path, content_type=type_of(form.content_type, name))


@asynccontextmanager
async def _heard_out(call: Call) -> AsyncGenerator[Call]:
    """Let a client that is refused send the rest of what is not too long, so that it sees why."""
    listening = Listening(call.receive)
    try:
        yield structs.replace(call, receive=listening)
    except TitanError:
        await listening.to_the_end(limit_bytes=HEARD_OUT_BYTES)
        raise


def type_of(said: str | None, name: str) -> str:
    """The media type that a client says, or that of the name; what is in the file decides nothing."""
    if said and media_type(said) != UNKNOWN_TYPE and len(said) <= TYPE_LIMIT:
        return said
    guessed, encoding = guess_type(name, strict=True)
    return guessed if guessed and not encoding else UNKNOWN_TYPE


def _file(element: SubmodelElement, path: str) -> File:
    if not isinstance(element, File):
        raise MethodNotAllowed(f"Only a File has an attachment, and {path} is of the type {type(element).__name__}.")
    return element


def _with_thumbnail(shell: AssetAdministrationShell, thumbnail: Resource | None) -> AssetAdministrationShell:
    information = structs.replace(shell.asset_information, default_thumbnail=thumbnail)
    return structs.replace(shell, asset_information=information)

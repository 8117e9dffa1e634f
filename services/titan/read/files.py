"""GET of attachments and thumbnails: whole, by ranges, or not at all where the client has them already."""

from functools import partial

from titan.codec.json import stored
from titan.codec.shells import asset_information
from titan.errors import MethodNotAllowed, NotFound
from titan.events.elements import found
from titan.http.files import answer, held, send_file
from titan.http.reached import missing, reached
from titan.http.routes import Call
from titan.metamodel.elements import File
from titan.metamodel.identifiables import AssetInformation
from titan.metamodel.kinds import SHELL, Subject
from titan.metamodel.paths import parse, text
from titan.read.answers import await_position
from titan.read.fresh import Fresh
from titan.read.load import Load
from titan.storage.blobs.store import Blobs


class Files:
    """Serves files. No connection of the database is held while one is sent."""

    def __init__(self, fresh: Fresh, load: Load, blobs: Blobs) -> None:
        self._fresh = fresh
        self._load = load
        self._blobs = blobs

    async def show_attachment(self, call: Call) -> None:
        """GET …/{idShortPath}/attachment.

        Raises:
            NotFound: where there is no such element, or no file that this server holds.
            MethodNotAllowed: where it is no File.
        """
        where = reached(call)
        path = parse(call.named["idShortPath"])
        await await_position(call, self._fresh)
        await self._load.confirm(where)
        branch = await self._load.branch(where.subject, str(path[0]))
        if branch is None:
            raise missing(where.subject)
        element = found(branch, path)
        if not isinstance(element, File):
            kind = type(element).__name__
            raise MethodNotAllowed(f"Only a File has an attachment, and {text(path)} is of the type {kind}.")
        await self._send(call, element.value, element.content_type, what=text(path))

    async def show_thumbnail(self, call: Call) -> None:
        """GET …/asset-information/thumbnail.

        Raises:
            NotFound: where there is no such shell, or it has no thumbnail that this server holds.
        """
        subject = Subject(SHELL, call.named["aasIdentifier"])
        await await_position(call, self._fresh)
        shell = await self._load(subject)
        if shell is None:
            raise missing(subject)
        information = stored(AssetInformation, asset_information(b"".join(shell.pieces)))
        thumbnail = information.default_thumbnail
        if thumbnail is None:
            raise NotFound(f"The shell {subject.id!r} has no thumbnail.")
        await self._send(call, thumbnail.path, thumbnail.content_type, what="the thumbnail")

    async def _send(self, call: Call, value: str | None, content_type: str | None, *, what: str) -> None:
        file = held(value)
        if file is None:
            where = f"it is said to be at {value!r}" if value else "none was sent"
            raise NotFound(f"This server holds no file for {what}: {where}.")
        size = await self._blobs.size(file.digest)
        if size is None:
            raise NotFound(f"This server does not hold the file of {what} any more: {value!r}.")
        answered = answer(call.scope["method"], call.scope["headers"], file, size=size, content_type=content_type)
        read = partial(self._blobs.read, file.digest)
        await send_file(call, answered, lambda start, end: read(start=start, end=end))

"""Names of contents in a bucket that may hold other things too, and where they are gathered before they have one."""

import re
from tempfile import SpooledTemporaryFile
from typing import IO

from msgspec import Struct

from titan.storage.blobs.store import PIECE_BYTES

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Keys(Struct, frozen=True):
    """What stands before every digest; the slash behind it is ours."""

    prefix: str

    @classmethod
    def below(cls, prefix: str | None) -> "Keys":
        """As people write a prefix: with a slash at its end or without one, or none."""
        bare = (prefix or "").strip("/")
        return cls(f"{bare}/" if bare else "")

    def key(self, digest: str) -> str:
        return self.prefix + digest

    def digest(self, key: str) -> str | None:
        """The digest in a key; None where it is no name of ours."""
        rest = key.removeprefix(self.prefix)
        return rest if _DIGEST.fullmatch(rest) else None


def gathering() -> IO[bytes]:
    """A file that is in memory while it is small and on the disk, without a name, when it is not."""
    return SpooledTemporaryFile(max_size=4 * PIECE_BYTES)

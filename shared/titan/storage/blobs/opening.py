"""The blob store that the settings name."""

from collections.abc import Callable
from importlib import import_module
from typing import cast

from titan.config import Settings
from titan.errors import Misconfigured
from titan.storage.blobs.shelf import Shelf, Shelved
from titan.storage.blobs.store import Blobs, Claim

_MODULES = {"local": "local", "s3": "s3", "minio": "s3", "gcs": "gcs", "azure": "azure"}
"""By `BLOB_STORAGE_TYPE`: the module, which is named as its extra is."""


def open_blobs(settings: Settings, *, claim: Claim | None = None) -> Blobs:
    """Make the store that `BLOB_STORAGE_TYPE` names; connects with the first use.

    A process that records facts about contents gives `claim`, which `put` calls before it looks what is there.

    Raises:
        Misconfigured: where a variable that it needs is not set, or its driver is not installed.
    """
    extra = _MODULES[settings.blob_storage_type]
    try:
        module = import_module(f"titan.storage.blobs.{extra}")
    except ModuleNotFoundError as error:
        raise Misconfigured(
            f"BLOB_STORAGE_TYPE={settings.blob_storage_type} needs the package {error.name!r}: "
            f"install titan-aas[{extra}]."
        ) from error
    shelf = cast("Callable[[Settings], Shelf]", module.shelf)
    return Shelved(shelf(settings), claim=claim)

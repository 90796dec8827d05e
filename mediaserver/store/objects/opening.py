"""Which store the settings ask for; what is wrong with it is said at start, not at the first upload."""

from pathlib import Path

from mediaserver.base.errors import StartError, Unavailable
from mediaserver.base.settings.tree import Objects
from mediaserver.store.objects.interface import ObjectStore
from mediaserver.store.objects.local import LocalObjects
from mediaserver.store.objects.s3 import S3Objects


async def open_objects(settings: Objects, data_dir: Path) -> ObjectStore:
    """The store, checked. Raises `StartError`; `close` it at the end."""
    store = _make(settings, data_dir / "objects")
    try:
        await store.check()
    except Unavailable as error:
        await store.close()
        raise StartError(f"objects: {error.detail}") from error
    return store


def _make(settings: Objects, root: Path) -> ObjectStore:
    try:
        return S3Objects(settings) if settings.backend == "s3" else LocalObjects(root)
    except OSError as error:
        raise StartError(f"objects: the directory {root} cannot be made: {error.strerror}") from error
    except ValueError as error:  # boto3 about an endpoint that is no URL
        raise StartError(f"objects.endpoint_url: {error}") from error

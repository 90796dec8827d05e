"""Whether uploads and their objects are all there: restoring one of the two from an older backup parts them."""

from dataclasses import dataclass, field

from mediaserver.domain.uploads.uploads import KEY_PREFIX, Upload
from mediaserver.usecases.context import Context


@dataclass(slots=True)
class Parted:
    strays: list[str] = field(default_factory=list)
    """Keys of objects that belong to no upload."""
    broken: list[Upload] = field(default_factory=list)
    """Uploads whose object, or whose thumbnail, is missing."""


async def compare(ctx: Context) -> Parted:
    """Look at everything once; a running server may go on. Nothing is changed."""
    began = ctx.clock()
    # Objects first: one that comes meanwhile is in no list, one that goes is not there to be deleted.
    keys = {listed.key async for listed in ctx.objects.list(f"{KEY_PREFIX}/")}
    found = Parted()
    async for upload in ctx.uploads.each({}):
        needed = [upload.object_key, *([upload.thumbnail_key] if upload.thumbnail else [])]
        if upload.status == "ready" and upload.created_at < began and not keys.issuperset(needed):
            found.broken.append(upload)
        keys.difference_update(upload.keys)
    found.strays = sorted(keys)
    return found

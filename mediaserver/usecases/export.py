"""Everything of one person as a zip, made while it is sent: nothing waits on our disk, nothing is held in memory.

What documents are theirs follows from the references to people that each class declares, and from its policy:
what they could not read (who blocked them, say) is not in it.
"""

import contextlib
import json
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace

from mediaserver.base.errors import Forbidden, NotFound
from mediaserver.domain.actor import Actor, Fact, Viewer
from mediaserver.domain.document import Document
from mediaserver.domain.progress import StudentProgress
from mediaserver.domain.uploads import Upload
from mediaserver.domain.users import User
from mediaserver.usecases.context import Context
from mediaserver.usecases.viewing import viewer

_README = """Everything that this server keeps of {name}.

user.json has the account, each other .json file the documents of one kind that name this person, uploads/ the
files.
"""
_FACTS = frozenset[Fact](("courses", "blocks"))


def require_own(actor: Actor, user: User) -> None:
    if not (actor.is_admin or actor.user_id == user.id):
        raise Forbidden("forbidden", "only the person and admins may do that")


async def export(ctx: Context, user: User) -> AsyncGenerator[bytes, None]:
    """The archive's bytes, in pieces."""
    reader = await viewer(ctx, Actor(user.id, user.username, user.role, login_id=""), _FACTS)
    # How far they came in what they take no more is kept, and theirs.
    left = await ctx.of(StudentProgress).values({"userId": user.id}, "courseId")
    reader = replace(reader, enrolled=reader.enrolled.union(left))
    out = _Pieces()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _README.format(name=user.username))
        archive.writestr("user.json", _json(user))
        for kind in ctx.repositories.documents:
            async for piece in _documents(ctx, archive, out, kind, reader):
                yield piece
        async for upload in ctx.uploads.each({"ownerUserId": user.id, "status": "ready"}):
            async for piece in _file(ctx, archive, out, upload):
                yield piece
    yield out.take()


async def _documents(
    ctx: Context, archive: zipfile.ZipFile, out: "_Pieces", kind: type[Document], reader: Viewer
) -> AsyncIterator[bytes]:
    # What names them in a part only (who graded it, say) is somebody else's.
    naming = [one for one in kind.references if one.to == User.collection and not one.within]
    fields = [reference.stored for reference in naming]
    if not fields:
        return
    theirs = {"$or": [{field: reader.user_id} for field in fields]}
    if not await ctx.of(kind).exists(theirs):
        return
    with archive.open(f"{kind.collection}.json", "w") as entry:
        between = b"[\n"
        async for document in ctx.of(kind).each(theirs):
            if _may_read(document, reader):
                entry.write(between + _json(document))
                between = b",\n"
            if out.size > _PIECE:
                yield out.take()
        entry.write(b"]\n" if between != b"[\n" else b"[]\n")
    yield out.take()


async def _file(ctx: Context, archive: zipfile.ZipFile, out: "_Pieces", upload: Upload) -> AsyncIterator[bytes]:
    try:
        info = await ctx.objects.stat(upload.object_key)
    except NotFound:  # deleted since it was listed
        return
    entry = zipfile.ZipInfo(f"uploads/{upload.id}-{upload.name}", upload.created_at.timetuple()[:6])
    with archive.open(entry, "w", force_zip64=True) as file:
        async with aclosing(ctx.objects.read(upload.object_key, 0, info.size)) as chunks:
            with contextlib.suppress(NotFound):  # likewise
                async for chunk in chunks:
                    file.write(chunk)
                    yield out.take()


def _may_read(document: Document, reader: Viewer) -> bool:
    policy = getattr(document, "policy", None)
    return policy is None or bool(policy.read.allows(reader, document))


def _json(document: Document) -> bytes:
    return json.dumps(document.to_wire(), ensure_ascii=False, indent=1).encode()


_PIECE = 64 * 1024


class _Pieces:
    """What the archive wrote and nobody has taken yet; it cannot seek in it, so it never looks back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self) -> bytes:
        taken, self._parts, self.size = b"".join(self._parts), [], 0
        return taken

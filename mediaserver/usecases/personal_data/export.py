"""Everything of one person as a zip, made while it is sent: nothing waits on our disk, nothing is held in memory.

What documents are theirs follows from the references to people that each class declares. In it is what both they
and whoever asks for it may read, by the policy of each class: neither who blocked them, nor, where an admin asks,
what they wrote in private. Nor does it tell that there is anything else.
"""

import contextlib
import json
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import IO

from mediaserver.base.errors import Forbidden, NotFound
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor, Fact, Viewer
from mediaserver.domain.documents.document import Document
from mediaserver.domain.learning.progress import StudentProgress
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.usecases.access.viewer import viewer
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads import uploads

_README = """What this server keeps of {name}{limits}.

user.json has the account, each other .json file the documents of one kind that name this person, uploads/ the
files.
"""
_FACTS = frozenset[Fact](("courses", "blocks"))


def require_own(actor: Actor, user: User) -> None:
    if not (actor.is_admin or actor.user_id == user.id):
        raise Forbidden("forbidden", "only the person and admins may do that")


async def export(ctx: Context, actor: Actor, user: User) -> AsyncGenerator[bytes, None]:
    """The archive's bytes, in pieces, for `actor`."""
    person = await viewer(ctx, Actor(user.id, user.username, user.role, login_id=""), _FACTS)
    # How far they came in what they take no more is kept, and theirs.
    left = await ctx.of(StudentProgress).values({"userId": user.id}, "courseId")
    readers = [replace(person, enrolled=person.enrolled.union(left))]
    if actor.user_id != user.id:
        readers.append(await viewer(ctx, actor, _FACTS))
    limits = "" if len(readers) == 1 else f", as far as {actor.username} may read it"
    out = _Pieces()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _README.format(name=user.username, limits=limits))
        archive.writestr("user.json", _json(user))
        for kind in ctx.repositories.documents:
            async for piece in _documents(ctx, archive, out, kind, readers):
                yield piece
        async for upload in ctx.uploads.each({"ownerUserId": user.id, "status": "ready"}):
            if await _may_read(ctx, upload, readers):
                async for piece in _file(ctx, archive, out, upload):
                    yield piece
    yield out.take()


async def _documents(
    ctx: Context, archive: zipfile.ZipFile, out: "_Pieces", kind: type[Document], readers: Sequence[Viewer]
) -> AsyncIterator[bytes]:
    """An entry with those that name the person, the first of the readers; none where there is nothing to read."""
    # What names them in a part only (who graded it, say) is somebody else's.
    naming = [one for one in kind.references if one.to == User.collection and not one.within]
    fields = [reference.stored for reference in naming]
    if not fields:
        return
    theirs = {"$or": [{field: readers[0].user_id} for field in fields]}
    with contextlib.ExitStack() as opened:
        entry: IO[bytes] | None = None
        async for document in ctx.of(kind).each(theirs):
            if not await _may_read(ctx, document, readers):
                continue
            if entry is None:
                entry = opened.enter_context(archive.open(f"{kind.collection}.json", "w"))
                entry.write(b"[\n" + _json(document))
            else:
                entry.write(b",\n" + _json(document))
            if out.size > _PIECE:
                yield out.take()
        if entry is not None:
            entry.write(b"]\n")
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


async def _may_read(ctx: Context, document: Document, readers: Sequence[Viewer]) -> bool:
    """Whether all of them may. Documents without a policy are what a session that the person was in kept of it:
    admins may read these."""
    if isinstance(document, Upload):
        return all([await uploads.readable(ctx, reader, document) for reader in readers])
    policy = getattr(document, "policy", None)
    return policy is None or all(policy.read.allows(reader, document) for reader in readers)


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

"""Export all data of one user as a ZIP archive that is created while it is sent, without using disk or memory.

The documents are found by the references to users that each class declares. The archive contains only what both
the user and the requesting actor may read, by the policy of each class: it omits who blocked the user and, when
an admin requests it, the user's private messages. It does not reveal that anything was omitted.
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

_README = """Data that this server stores about {name}{limits}.

user.json contains the account. Each other .json file contains the documents of one kind that refer to this user.
uploads/ contains the uploaded files.
"""
_FACTS = frozenset[Fact](("courses", "blocks"))


def require_own(actor: Actor, user: User) -> None:
    """Raises: Forbidden unless the actor is this user or an admin."""
    if not (actor.is_admin or actor.user_id == user.id):
        raise Forbidden("forbidden", "Only this user and admins can do this.")


async def export(ctx: Context, actor: Actor, user: User) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of the archive for `actor`, in chunks."""
    person = await viewer(ctx, Actor(user.id, user.username, user.role, login_id=""), _FACTS)
    # Progress in courses that the user has left is kept and belongs to the user.
    left = await ctx.of(StudentProgress).values({"userId": user.id}, "courseId")
    readers = [replace(person, enrolled=person.enrolled.union(left))]
    if actor.user_id != user.id:
        readers.append(await viewer(ctx, actor, _FACTS))
    limits = "" if len(readers) == 1 else f", as far as {actor.username} may read it"
    out = _Buffer()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _README.format(name=user.username, limits=limits))
        archive.writestr("user.json", _json(user))
        for kind in ctx.repositories.documents:
            async for chunk in _documents(ctx, archive, out, kind, readers):
                yield chunk
        async for upload in ctx.uploads.each({"ownerUserId": user.id, "status": "ready"}):
            if await _may_read(ctx, upload, readers):
                async for chunk in _file(ctx, archive, out, upload):
                    yield chunk
    yield out.take()


async def _documents(
    ctx: Context, archive: zipfile.ZipFile, out: "_Buffer", kind: type[Document], readers: Sequence[Viewer]
) -> AsyncIterator[bytes]:
    """Write an entry with the documents that refer to the user, `readers[0]`, if there are any."""
    # Documents that refer to the user only in a nested part (such as a grader) belong to someone else.
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
            if out.size > _CHUNK:
                yield out.take()
        if entry is not None:
            entry.write(b"]\n")
    yield out.take()


async def _file(ctx: Context, archive: zipfile.ZipFile, out: "_Buffer", upload: Upload) -> AsyncIterator[bytes]:
    try:
        info = await ctx.objects.stat(upload.object_key)
    except NotFound:  # deleted in the meantime
        return
    entry = zipfile.ZipInfo(f"uploads/{upload.id}-{upload.name}", upload.created_at.timetuple()[:6])
    with archive.open(entry, "w", force_zip64=True) as file:
        async with aclosing(ctx.objects.read(upload.object_key, 0, info.size)) as chunks:
            with contextlib.suppress(NotFound):  # deleted in the meantime
                async for chunk in chunks:
                    file.write(chunk)
                    yield out.take()


async def _may_read(ctx: Context, document: Document, readers: Sequence[Viewer]) -> bool:
    """Return whether all readers may read the document.

    Documents without a policy belong to sessions that the user took part in; admins may read these.
    """
    if isinstance(document, Upload):
        return all([await uploads.readable(ctx, reader, document) for reader in readers])
    policy = getattr(document, "policy", None)
    return policy is None or all(policy.read.allows(reader, document) for reader in readers)


def _json(document: Document) -> bytes:
    return json.dumps(document.to_wire(), ensure_ascii=False, indent=1).encode()


_CHUNK = 64 * 1024


class _Buffer:
    """A write-only, unseekable buffer for the bytes of the archive that were not sent yet."""

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

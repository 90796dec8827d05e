"""Writes that span documents, without transactions: never half done for long, each consequence exactly once.

A document comes unsettled, its consequences are brought about, then it is settled. It goes by being marked
`gone`; its consequences are undone, what hangs on it is removed, then it is deleted. All of this may be cut off
anywhere: steps may be repeated, and `resume` takes up what nobody has worked on for `_LEASE_S`. Who works on a
document gives up before that (`_WORK_S`), so that never two do. Where the store has transactions, a document and
its consequences come in one, and go in one.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping, Set
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from mediaserver.base.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from mediaserver.domain.documents.document import Consequential, Document
from mediaserver.domain.documents.policy import Filter
from mediaserver.domain.uploads.upload_references import holds_uploads
from mediaserver.usecases.context import Consequences, Context, stored_names
from mediaserver.usecases.documents import references
from mediaserver.usecases.uploads import attachments

_log = logging.getLogger(__name__)

C = TypeVar("C", bound=Consequential)
D = TypeVar("D", bound=Document)

_WORK_S = 15.0
_LEASE_S = 30.0
_WAIT_S = 5.0
_POLL_S = 0.02
_BATCH = 200
GONE: Final = "gone"
"""Code of the Conflict when what a document refers to was deleted just as it was stored."""
_BUSY = "busy"


async def add(ctx: Context, document: D, owner: str = "") -> D:
    """Store a document and bring about what follows from it. `owner` is whose uploads it shows (`showing`).

    Invalid names each reference to what is not there and each upload that cannot be used; Conflict for what is
    unique; Unavailable when the store goes away (then it is there whole in a while, or not at all).
    """
    await _require(ctx, document, owner=owner)
    if not isinstance(document, Consequential):
        async with attachments.used(ctx, document, owner=owner):
            await ctx.of(type(document)).add(document)
        if not await _still_refers(ctx, document):
            raise _gone()
        return document

    async def work() -> None:
        async with attachments.used(ctx, document, owner=owner):
            await ctx.of(type(document)).add(document)
        await consequences_of(ctx, type(document)).added(ctx, document)

    async with asyncio.timeout(_WORK_S):
        await ctx.repositories.atomically(work)
        if not await _conclude(ctx, document):
            raise _gone()
    return document


async def change(
    ctx: Context, before: D, fields: Mapping[str, Any], owner: str = "", where: Filter | None = None
) -> D:
    """Store new values of some fields (Python's names); what follows from them follows, unless it is given too.

    Invalid; Conflict, `{noun}_changed` when the document is not as `where` says.
    """
    everything = {**before.derived(fields), **fields}
    kind, names = type(before), set(fields)
    stored = stored_names(kind, everything)
    again = isinstance(before, Consequential) and consequences_of(ctx, kind).edited
    if again:
        stored["settled"] = False
    await _require(ctx, before.model_copy(update=everything), before, owner, names)
    changed = await _store(ctx, before, everything, stored, owner, where or {})
    if lost := await references.lost(ctx, changed, only=names):
        as_before = stored_names(kind, {name: getattr(before, name) for name in everything})
        changed = await ctx.of(kind).update(before.id, set=as_before | _search_terms(before, everything))
    else:
        changed = await references.forget_what_went(ctx, changed, only=names)
    if again:
        assert isinstance(changed, Consequential)
        async with asyncio.timeout(_WORK_S):
            await settle(ctx, changed)
    if lost:
        raise _gone()
    return changed


async def _require(
    ctx: Context,
    document: Document,
    before: Document | None = None,
    owner: str = "",
    only: Set[str] | None = None,
) -> None:
    """Invalid when it refers to what is not there; its uploads, which are looked at when it is stored, are named
    along."""
    try:
        await references.require(ctx, document, only)
    except Invalid as invalid:
        faults = await attachments.faults(ctx, document, before, owner)
        raise Invalid(invalid.code, invalid.detail, [*invalid.errors, *faults]) from None


async def _store(
    ctx: Context, before: D, fields: Mapping[str, Any], stored: Mapping[str, Any], owner: str, where: Filter
) -> D:
    """The document with its new values. Where it shows uploads, or is searched by what changes, it replaces a
    version that is known: when somebody was faster, theirs."""
    kind, there = type(before), {"gone": {"$ne": True}} if isinstance(before, Consequential) else {}
    while True:
        after = before.model_copy(update=dict(fields))
        same = attachments.same_version(after, before)
        if found_by := _search_terms(after, fields):
            same = attachments.same_revision(before)  # another edit's words are among the terms
        try:
            async with attachments.used(ctx, after, before, owner):
                return await ctx.of(kind).update(
                    before.id, set={**stored, **found_by}, where={**there, **same, **where}
                )
        except Conflict:
            now = await ctx.of(kind).get(before.id)
            if not same or now.revision == before.revision:
                raise
            before = now


def _search_terms(document: Document, changed: Iterable[str]) -> dict[str, Any]:
    """The stored terms of a searched document in which these fields change."""
    return document.search_terms() if document.searches_any_of(changed) else {}


async def add_once(ctx: Context, document: C, same: Filter) -> tuple[C, bool]:
    """As `add`, unless there is one already that `same` finds, which its unique index allows once; and whether
    this one was added. One that is just being removed is waited for. Unavailable `busy`."""
    kind = type(document)
    deadline = asyncio.get_running_loop().time() + _WAIT_S
    while True:
        if found := await ctx.of(kind).find_one(same):
            return found, False
        try:
            return await add(ctx, document), True
        except Conflict as conflict:
            if conflict.code == GONE:
                raise
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable(_BUSY, "this is just being removed; try again in a moment") from None
            await asyncio.sleep(_POLL_S)


async def remove(ctx: Context, document: Document) -> None:
    """Delete a document with what hangs on it. NotFound; Conflict (`in_use`, say) when something forbids it."""
    await _refuse_if_needed(ctx, document)
    if not isinstance(document, Consequential):
        await _clear_away(ctx, document)
        return

    claimed = await _claim(ctx, document)
    await _reconsider(ctx, claimed)
    # When very much hangs on it: nobody sees it any more, `resume` goes on.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_WORK_S):
            await _clear_away(ctx, claimed)


async def resume(ctx: Context) -> int:
    """Finish what was cut off; how many documents. For the start and now and then."""
    done = 0
    kinds = [kind for kind in ctx.repositories.documents if issubclass(kind, Consequential)]
    # What goes waits for what hangs on it to be settled: that comes first.
    for gone in (False, True):
        for kind in kinds:
            left = {"settled": False, "gone": gone, "updatedAt": {"$lt": _lease_began(ctx)}}
            for document in await ctx.of(kind).find(left, limit=_BATCH):
                done += await _resume_one(ctx, document)
    return done


def _lease_began(ctx: Context) -> datetime:
    """What was begun before is nobody's any more."""
    return ctx.clock() - timedelta(seconds=_LEASE_S)


async def settle(ctx: Context, document: Consequential) -> bool:
    """Bring about the consequences of a stored document; False when what it refers to is gone, and so is it."""
    await consequences_of(ctx, type(document)).added(ctx, document)
    return await _conclude(ctx, document)


async def _conclude(ctx: Context, document: Consequential) -> bool:
    """It has its consequences: it is settled, or what it refers to is gone, and so is it (False).

    Never within a transaction, which would not see that what it refers to was deleted meanwhile.
    """
    kind, consequences = type(document), consequences_of(ctx, type(document))
    was_settled = consequences.edited and document.revision > 0
    if not was_settled and not await _stands(ctx, document):
        if gone := await ctx.of(kind).update_one({"_id": document.id}, set={"gone": True}, edits=False):
            await _clear_away(ctx, gone)
        return False
    # Who has edited it meanwhile settles it then.
    same = {"revision": document.revision} if consequences.edited else {}
    here = {"_id": document.id, "gone": {"$ne": True}, **same}
    await ctx.of(kind).update_one(here, set={"settled": True}, edits=False)
    await consequences.tidy(ctx, document)
    return True


async def _stands(ctx: Context, document: Consequential) -> bool:
    """Asked again after it was stored: whoever deleted what it refers to may have overlooked it."""
    if await references.lost(ctx, document):
        return False
    await references.forget_what_went(ctx, document)
    return await consequences_of(ctx, type(document)).stands(ctx, document)


async def _still_refers(ctx: Context, document: Document) -> bool:
    """Whether all that a stored document refers to is there still; if not, it goes, as the deletion wanted."""
    if not await references.lost(ctx, document):
        return True
    await ctx.of(type(document)).delete_many({"_id": document.id})
    await attachments.release(ctx, document)
    return False


def _gone() -> Conflict:
    return Conflict(GONE, "what this refers to has just been deleted")


async def _refuse_if_needed(ctx: Context, document: Document, settled: bool = False) -> None:
    await references.refuse_if_needed(ctx, document, settled)
    await consequences_of(ctx, type(document)).forbids(ctx, document, settled)


async def _reconsider(ctx: Context, document: Consequential, settled: bool = False) -> None:
    """Take the mark back when something has come to refer to it that forbids its deletion. Conflict.

    `settled`: after such a time what is not settled forbids nothing: it saw the mark and will go.
    """
    try:
        await _refuse_if_needed(ctx, document, settled)
    except Conflict:
        back = {"gone": False, "settled": True}
        await ctx.of(type(document)).update_one({"_id": document.id, "gone": True}, set=back, edits=False)
        raise


async def _claim(ctx: Context, document: C) -> C:
    """Mark it as gone once its coming is settled; the document as it is then. Of several who remove it one does.

    NotFound for the others, Unavailable `busy`.
    """
    repository = ctx.of(type(document))
    # What was stored before it had consequences says neither.
    settled = {"_id": document.id, "settled": {"$ne": False}, "gone": {"$ne": True}}
    deadline = asyncio.get_running_loop().time() + _WAIT_S
    while True:
        if claimed := await repository.update_one(settled, set={"settled": False, "gone": True}):
            return claimed
        if not await repository.exists({"_id": document.id}):
            raise NotFound(f"{repository.noun}_not_found", f"there is no such {repository.words}")
        if asyncio.get_running_loop().time() > deadline:
            raise Unavailable(_BUSY, "this has just been made; try again in a moment")
        await asyncio.sleep(_POLL_S)


async def _clear_away(ctx: Context, document: Document) -> None:
    """What hangs on it, what followed from it, then itself. May be repeated."""
    kind, consequences = type(document), consequences_of(ctx, type(document))
    for child, reference in references.referring(ctx, kind):
        where = {reference.stored: document.id}
        if reference.on_delete == "clear":
            await references.let_go(ctx, child, reference, document.id, where)
        elif reference.on_delete == "cascade":
            await _cascade(ctx, child, where)

    async def go() -> None:
        await consequences.removed(ctx, document)
        await attachments.release(ctx, document)
        await ctx.of(kind).delete_many({"_id": document.id})

    await ctx.repositories.atomically(go)
    await consequences.tidy(ctx, document)


async def _cascade(ctx: Context, kind: type[Document], where: dict[str, Any]) -> None:
    """What hangs on something goes with it, also what others are just removing. TimeoutError when they do not get
    on with it."""
    everywhere = where | ({"gone": {"$in": [False, True]}} if issubclass(kind, Consequential) else {})
    if _nothing_hangs_on(ctx, kind):
        await ctx.of(kind).delete_many(everywhere)
        return
    now = asyncio.get_running_loop().time
    deadline = now() + _WAIT_S
    while children := await ctx.of(kind).find(everywhere, limit=_BATCH):
        if any([await _take_along(ctx, child) for child in children]):
            deadline = now() + _WAIT_S
        elif now() > deadline:
            raise TimeoutError("others are removing what hangs on it")
        else:
            await asyncio.sleep(_POLL_S)


async def _take_along(ctx: Context, child: Document) -> bool:
    """False when it is somebody else's to remove: two would undo its consequences twice."""
    if isinstance(child, Consequential):
        if child.gone:  # by somebody who may have died over it
            return child.updated_at < _lease_began(ctx) and await _resume_one(ctx, child)
        try:
            child = await _claim(ctx, child)
        except NotFound:  # somebody was faster
            return False
        except Unavailable as unavailable:
            if unavailable.code != _BUSY:
                raise
            raise TimeoutError("what hangs on it is not settled yet") from None
    await _clear_away(ctx, child)
    return True


def _nothing_hangs_on(ctx: Context, kind: type[Document]) -> bool:
    """Documents of this class go without a trace: thousands of them by one operation."""
    return not (kind in ctx.consequences or holds_uploads(kind) or references.referring(ctx, kind))


async def _resume_one(ctx: Context, document: Consequential) -> bool:
    # Taken over by moving the time that the lease is counted from; of several who want it one gets it.
    same = {"_id": document.id, "gone": document.gone, "settled": False, "updatedAt": document.updated_at}
    taken = {"settled": False, "updatedAt": ctx.clock()}
    if not await ctx.of(type(document)).update_one(same, set=taken, edits=False):
        return False
    try:
        async with asyncio.timeout(_WORK_S):
            if document.gone:
                await _reconsider(ctx, document, settled=True)
            await (_clear_away(ctx, document) if document.gone else settle(ctx, document))
    except (Problem, TimeoutError) as error:
        _log.warning("a write could not be finished yet", extra={"document": document.id, "why": str(error)})
        return False
    _log.info("finished a write that was cut off", extra={"document": document.id, "gone": document.gone})
    return True


def consequences_of(ctx: Context, kind: type[Document]) -> Consequences:
    return ctx.consequences.get(kind, Consequences())

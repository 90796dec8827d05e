"""Carrying out a request once, however often it comes: claim it, then finish it with an answer or release it.

Of several that come at once the store lets one in. An attempt that is cut off leaves its reserved id to the next.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from mediaserver.base.errors import FieldError, InProgress, Invalid, Problem
from mediaserver.base.ids import new_id
from mediaserver.domain.writes.idempotency import ABANDONED_S, IdempotentRequest
from mediaserver.usecases.context import Context

log = logging.getLogger(__name__)

_RENEWED_S = ABANDONED_S / 3


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry out a request."""

    key: str
    attempt: str
    reserved_id: str
    again: bool
    """An earlier attempt may have come as far as creating the document with the reserved id."""


async def claim(ctx: Context, key: str, fingerprint: str, user_id: str | None) -> Claim | bytes:
    """The right to carry it out, or the answer that it got before.

    InProgress; Invalid `idempotency_key_reused` when the key came with another request.
    """
    now = ctx.clock()
    requests = ctx.of(IdempotentRequest)
    fresh = IdempotentRequest(
        id=new_id(),
        created_at=now,
        updated_at=now,
        key=key,
        user_id=user_id,
        fingerprint=fingerprint,
        reserved_id=new_id(),
        attempt=new_id(),
        attempted_at=now,
        expires_at=now + timedelta(seconds=ctx.settings.http.idempotency_ttl_s),
    )
    found, _ = await requests.add_if_absent({"key": key}, fresh)
    if found.attempt == fresh.attempt:
        return Claim(key, fresh.attempt, fresh.reserved_id, again=False)
    again = found.fingerprint == fingerprint and now < found.expires_at
    if now < found.expires_at:
        if not again and found.state != "open":
            fault = FieldError("Idempotency-Key", "came before, with another request")
            raise Invalid("idempotency_key_reused", "each request has a key of its own", [fault])
        if again and found.answer is not None:
            return found.answer
        if found.taken(now):
            raise _in_progress()
    reserved_id = found.reserved_id if again else fresh.reserved_id
    seen = {"key": key, "attempt": found.attempt, "state": found.state, "attemptedAt": found.attempted_at}
    next_attempt = fresh.to_mongo() | {"reservedId": reserved_id}
    del next_attempt["revision"]  # follows by itself
    del next_attempt["_id"], next_attempt["updatedAt"]
    if await requests.update_one(seen, set=next_attempt) is None:
        raise _in_progress()
    return Claim(key, fresh.attempt, reserved_id, again)


async def finish(ctx: Context, claim: Claim, answer: bytes) -> None:
    """Keep the answer for those who ask again. Without a store the request is carried out all the same."""
    await _change(ctx, claim, state="done", answer=answer)


async def release(ctx: Context, claim: Claim) -> None:
    """Let the next attempt begin at once: this one led to nothing that lasts."""
    await _change(ctx, claim, state="open")


async def discard(ctx: Context, claim: Claim) -> None:
    """Forget a claim: this attempt was refused before it did anything."""
    if claim.again:  # an earlier attempt may have done something
        return await release(ctx, claim)
    try:
        await ctx.of(IdempotentRequest).delete_many({"key": claim.key, "attempt": claim.attempt})
    except Problem as problem:
        log.warning("an idempotent request could not be forgotten: %s", problem.detail)


@contextlib.asynccontextmanager
async def renewed(ctx: Context, claim: Claim) -> AsyncIterator[None]:
    """Show signs of life as long as the block runs."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(_RENEWED_S)
            await _change(ctx, claim, attempted_at=ctx.clock())

    task = asyncio.create_task(renew(), name="idempotent request")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _change(ctx: Context, claim: Claim, **fields: object) -> None:
    names = {name: IdempotentRequest.model_fields[name].alias or name for name in fields}
    mine = {"key": claim.key, "attempt": claim.attempt}
    try:
        await ctx.of(IdempotentRequest).update_one(mine, set={names[name]: fields[name] for name in fields})
    except Problem as problem:
        log.warning("an idempotent request could not be marked: %s", problem.detail)


def _in_progress() -> InProgress:
    return InProgress("in_progress", "this request is being carried out; ask again in a moment", 1.0)

"""Usernames that people take: readable, not reserved, and unlike those that others have."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mediaserver.base.errors import Conflict, FieldError, Invalid
from mediaserver.domain.accounts import usernames
from mediaserver.domain.accounts.usernames import ReservedNames
from mediaserver.domain.accounts.users import User
from mediaserver.domain.text.lookalikes import skeleton
from mediaserver.domain.text.text import fold
from mediaserver.usecases.context import Context

_FIELD = "username"


def acceptable(name: str) -> str:
    """A new name as it is stored. Raises: Invalid when the rules for new names refuse it."""
    if fault := usernames.fault(name):
        raise Invalid("invalid", "this username cannot be used", [FieldError(_FIELD, fault)])
    return usernames.normalized_name(name)


def refuse_reserved(ctx: Context, name: str) -> None:
    """Raises: Conflict("username_taken")."""
    if name in _reserved(ctx.settings.auth.reserved_usernames):
        raise Conflict("username_taken", "this username is reserved", [FieldError(_FIELD, "is reserved")])


async def looks_taken(ctx: Context, name: str, user: User | None = None) -> bool:
    """Whether somebody other than `user` has a name that looks like this one.

    The unique index decides between two who take such names at the same moment. Names that share a skeleton since
    before it was unique are not in that index, but nobody comes to share it any more, so reading is enough.
    """
    key, others = skeleton(name), {"_id": {"$ne": user.id}} if user else {}
    return await ctx.users.exists({"usernameSkeleton": key, **others}) or await ctx.users.exists(
        {"reservedSkeleton": key, **others}
    )


async def renamed(ctx: Context, user: User, name: str) -> Mapping[str, Any]:
    """What is stored of a person who takes another name. A name that looks like their own is theirs to take.

    Raises: Invalid; Conflict("username_taken").
    """
    if name != user.username:
        name = acceptable(name)
    if skeleton(name) == skeleton(user.username):
        kept = {"username_skeleton": user.username_skeleton, "reserved_skeleton": user.reserved_skeleton}
        return {_FIELD: name, **(kept if any(kept.values()) else {})}
    if fold(name) != user.username_folded:
        refuse_reserved(ctx, name)
    if await looks_taken(ctx, name, user):
        raise Conflict("username_taken", "this username is taken", [FieldError(_FIELD, "is taken")])
    return {_FIELD: name}


@lru_cache(maxsize=4)
def _reserved(names: tuple[str, ...]) -> ReservedNames:
    return ReservedNames(names)

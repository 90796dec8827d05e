"""Check new usernames: valid, not reserved, and not confusable with existing ones."""

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
    """Return a new username in its stored form. Raises: Invalid."""
    if fault := usernames.fault(name):
        raise Invalid("invalid", "This username cannot be used.", [FieldError(_FIELD, fault)])
    return usernames.normalized_name(name)


def refuse_reserved(ctx: Context, name: str) -> None:
    """Refuse a reserved username. Raises: Conflict("username_taken")."""
    if name in _reserved(ctx.settings.auth.reserved_usernames):
        raise Conflict(
            "username_taken",
            "This username is reserved. Choose another one.",
            [FieldError(_FIELD, "is reserved")],
        )


async def looks_taken(ctx: Context, name: str, user: User | None = None) -> bool:
    """Return whether an account other than `user` has a name that looks like `name`.

    The unique index resolves races between new names. Older names that already shared a skeleton are not in that
    index, but no new ones are added to them, so reading is sufficient.
    """
    key, others = skeleton(name), {"_id": {"$ne": user.id}} if user else {}
    return await ctx.users.exists({"usernameSkeleton": key, **others}) or await ctx.users.exists(
        {"reservedSkeleton": key, **others}
    )


async def renamed(ctx: Context, user: User, name: str) -> Mapping[str, Any]:
    """Return the stored fields for renaming `user`. A name that looks like the current one is allowed.

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
        raise Conflict(
            "username_taken", "This username is taken. Choose another one.", [FieldError(_FIELD, "is taken")]
        )
    return {_FIELD: name}


@lru_cache(maxsize=4)
def _reserved(names: tuple[str, ...]) -> ReservedNames:
    return ReservedNames(names)

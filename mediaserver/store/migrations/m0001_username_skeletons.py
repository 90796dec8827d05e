"""Gives accounts the key that usernames which look alike have in common, as `User.username_skeleton`.

Of accounts whose names look alike already, the oldest one gets the key, because ids grow with time. The others
keep their names and reserve the key: nobody else can take such a name, also when the oldest account gives it up.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from mediaserver.domain.accounts.usernames import fault
from mediaserver.domain.accounts.users import SKELETON_INDEX
from mediaserver.domain.text.lookalikes import skeleton
from mediaserver.store.indexing import index_model
from mediaserver.store.migrations.migration import Change, Migration, Raw, Stored

_USERS: Final = "users"
_LISTED: Final = 50
"""Usernames in a report at most."""


def _with_key(stored: Stored, now: datetime) -> Change:
    return Change({"usernameSkeleton": skeleton(stored["username"]), "reservedSkeleton": None})


def _with_reservation(stored: Stored, now: datetime) -> Change:
    return Change({"usernameSkeleton": None, "reservedSkeleton": skeleton(stored["username"])})


async def _make_index(raw: Raw) -> None:
    await raw[_USERS].create_indexes([index_model(SKELETON_INDEX)])


async def _report(raw: Raw) -> Sequence[str]:
    """Names that nobody could take now; they stay valid."""
    refused, alike = [], []
    async for stored in raw[_USERS].find({}, {"username": 1, "reservedSkeleton": 1}):
        name = stored["username"]
        if words := fault(name):
            refused.append(f"{name!a} ({words})")
        if stored.get("reservedSkeleton"):
            alike.append(f"{name!a}")
    return [
        *_listed("usernames stay valid that the rules for new ones refuse", refused),
        *_listed("usernames stay valid that look like another account's", alike),
    ]


def _listed(says: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
        yield f"{says} ({len(names):,}): {', '.join(names[:_LISTED])}{more}"


MIGRATION: Final = Migration(
    number=1,
    name="username_skeletons",
    collection=_USERS,
    pending={"usernameSkeleton": {"$exists": False}},
    change=_with_key,
    refused=_with_reservation,
    reads=("username",),
    prepare=_make_index,
    report=_report,
)

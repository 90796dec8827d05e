"""Accounts from before addresses were confirmed count as confirmed."""

from datetime import datetime

from mediaserver.store.migrations.migration import Change, Migration, Stored


def change(stored: Stored, now: datetime) -> Change:
    """Nothing else: the key by which sign-in finds an address stays, and so does its unique index."""
    return Change({"emailVerified": True})


MIGRATION = Migration(
    number=2,
    name="verified_addresses",
    collection="users",
    pending={"emailVerified": {"$exists": False}},
    change=change,
    reads=("emailVerified",),
    derived=False,
)

"""Sessions that were live before occupancy was stored: the clock of `rooms.end_empty_session_s` starts now."""

from datetime import datetime

from mediaserver.store.migrations.migration import Change, Migration, Stored


def change(stored: Stored, now: datetime) -> Change:
    return Change({"occupiedAt": now})


MIGRATION = Migration(
    number=4,
    name="session_occupancy",
    collection="sessions",
    pending={"status": "live", "occupiedAt": {"$exists": False}},
    change=change,
    reads=("occupiedAt",),
    derived=False,
)

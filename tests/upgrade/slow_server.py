"""The server with one more migration that takes its time, and writes down what it changes."""

import os
import time
from datetime import datetime
from functools import partial
from pathlib import Path

from mediaserver import app
from mediaserver.cli import main
from mediaserver.store.migrations.lease import LeaseTimes
from mediaserver.store.migrations.migration import Change, Migration, Stored
from mediaserver.store.migrations.migrator import Migrator
from mediaserver.store.migrations.registry import MIGRATIONS


def _slowly(stored: Stored, now: datetime) -> Change:
    time.sleep(float(os.environ.get("PAUSE_S", "0.1")))
    with Path(os.environ["CHANGED"]).open("a") as file:
        file.write(f"{stored['_id']}\n")
    return Change({"marked": True})


SLOW = Migration(
    number=9001, name="slow", collection="tweets", pending={"marked": {"$exists": False}}, change=_slowly
)

if __name__ == "__main__":
    app.Migrator = partial(  # type: ignore[assignment,misc]
        Migrator, migrations=(*MIGRATIONS, SLOW), times=LeaseTimes(3.0, 0.5, 0.1), batch=2
    )
    main()

"""`mediaserver` that gives up, takes over and looks after what was cut off within seconds: for scenarios only.

What it waits for is the same, so are the proportions; nobody who runs a server needs to choose these times.
"""

from mediaserver import app, cli
from mediaserver.domain.writes import idempotency
from mediaserver.usecases.writes import idempotency as requests
from mediaserver.usecases.writes import settling

TAKEN_OVER_S = 10.0
"""What a killed server or a lost store cut off is whole after this."""

if __name__ == "__main__":
    settling._WORK_S, settling._LEASE_S, app._SETTLING_S = 4.0, 8.0, 1.0  # type: ignore[misc]
    idempotency.ABANDONED_S, requests._RENEWED_S = 4, 1.0  # type: ignore[misc]
    cli.main()

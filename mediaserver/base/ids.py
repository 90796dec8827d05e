"""Identifiers: ULIDs, each of a process after all that it made before, so that ids sort as they were made."""

import secrets
import threading
import time
from datetime import datetime

ID_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ID_PATTERN = r"^[0-9A-HJKMNP-TV-Z]{26}$"
ID_WORDS = "must be an id: 26 digits and capital letters, as answers have it"

_STEP_BITS = 64
_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """A new ULID: 26 characters, 48 bits of milliseconds and 80 random bits.

    Within a millisecond, or when the clock goes back, the next one lies a random step above the last: a list that
    is read page by page would otherwise find a new document among those that it has passed.
    """
    global _last
    value = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    with _lock:
        if value <= _last:
            value = _last + 1 + secrets.randbits(_STEP_BITS)
        _last = value
    return _spelled(value)


def first_id_at(moment: datetime) -> str:
    """The smallest id that can have been made at this moment."""
    return _spelled(int(moment.timestamp() * 1000) << 80)


def _spelled(value: int) -> str:
    return "".join(ID_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))

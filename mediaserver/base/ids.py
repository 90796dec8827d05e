"""Identifiers: ULIDs, so that ids sort by the time at which they were made."""

import secrets
import time

ID_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ID_PATTERN = r"^[0-9A-HJKMNP-TV-Z]{26}$"


def new_id() -> str:
    """A new ULID: 26 characters, 48 bits of milliseconds and 80 random bits."""
    value = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    return "".join(ID_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))

"""File descriptors: the limit of this process and its children, and how many of them connections may use."""

import resource
from typing import Final

WANTED: Final = 65_536
"""Asked for when the hard limit allows it: enough for `http.max_connections` of 30,000."""
RESERVE: Final = 256
"""Kept free of connections: for children, stores, captures and files of the server's own."""
_PER_CONNECTION: Final = 2
"""A connection may also have a file open that it downloads or uploads."""
_FEWEST: Final = 32


def raise_limit(wanted: int = WANTED) -> int:
    """Raise the soft limit of open files to `wanted` or to the hard limit; return the limit that holds then.

    Children inherit it. A limit that is higher already stays.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return soft


def connection_capacity(limit: int) -> int:
    """How many connections fit into a limit of `limit` open files."""
    return max(_FEWEST, (limit - RESERVE) // _PER_CONNECTION)

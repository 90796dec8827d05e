"""A route: which of our addresses a client reached, and from which of its own."""

from typing import NamedTuple

from mediaserver.media.net.stun import Address


class Route(NamedTuple):
    """A candidate pair (RFC 8445); answers go back the way that a datagram came."""

    local: str
    remote: Address

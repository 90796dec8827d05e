"""Routes: pairs of a local address and a client's address."""

from typing import NamedTuple

from mediaserver.media.net.stun import Address


class Route(NamedTuple):
    """A candidate pair (RFC 8445). Answers are sent on the route on which a datagram arrived."""

    local: str
    remote: Address

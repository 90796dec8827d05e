"""The key under which limits count a client's address: one IPv4 address, or one IPv6 /64 network.

An IPv6 customer is usually given a whole /64 (RFC 6177), so a limit for each IPv6 address would limit nobody.
"""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

_IPV6_PREFIX = 64


@lru_cache(4096)
def client_network(address: str) -> str:
    """Return the address itself for IPv4, its /64 for IPv6, and the unchanged text for anything else.

    `address` is what `TrustedProxies.client_address` returned. IPv4 addresses mapped into IPv6 count as IPv4.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    network = IPv6Address(int(parsed) >> 128 - _IPV6_PREFIX << 128 - _IPV6_PREFIX)
    return f"{network}/{_IPV6_PREFIX}"

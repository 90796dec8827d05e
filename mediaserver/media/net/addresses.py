"""The addresses at which clients may reach this machine's media ports."""

import ipaddress
from collections.abc import Sequence

import ifaddr

ANY = ("0.0.0.0", "::")


def announced(configured: Sequence[str], bound: str) -> tuple[str, ...]:
    """Return the configured addresses, else the bound one, else the IPv4 addresses of all interfaces, loopback
    last."""
    if configured:
        return tuple(configured)
    if bound not in ANY:
        return (bound,)
    found = {str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4}
    return tuple(sorted(found, key=lambda one: (ipaddress.ip_address(one).is_loopback, one)))

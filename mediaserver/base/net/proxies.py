"""Reverse proxies in front of the server: what they say of a request is believed of trusted ones only."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from mediaserver.base.errors import StartError

Address = IPv4Address | IPv6Address


class TrustedProxies:
    """The proxies whose X-Forwarded-* are believed."""

    def __init__(self, proxies: Sequence[str]) -> None:
        """Addresses or networks, as `http.trusted_proxies` lists them. Raises `StartError`."""
        self._networks: list[IPv4Network | IPv6Network] = []
        for one in proxies:
            try:
                self._networks.append(ip_network(one, strict=False))
            except ValueError:
                raise StartError(f"http.trusted_proxies: {one} is neither an address nor a network") from None

    def client_address(self, peer: str | None, forwarded_for: str = "") -> str:
        """The nearest address that is not a trusted proxy: what stands further left may be made up."""
        address = peer or "unknown"
        for hop in reversed([*forwarded_for.split(","), address]):
            parsed = _parse(hop)
            if parsed is None:
                break
            address = str(parsed)
            if not self._trusts(parsed):
                break
        return address

    def trusts(self, peer: str) -> bool:
        """Whether the peer of a connection is a trusted proxy, and so speaks for other addresses."""
        address = _parse(peer)
        return address is not None and self._trusts(address)

    def origin(self, peer: str | None, scheme: str, headers: Mapping[str, str]) -> str:
        """Where the browser believes this server to be: `scheme://host`, as a trusted proxy tells it.

        `scheme` is that of our own connection. Of several proxies each sets or appends: the last value is that of
        the one next to us.
        """
        host = headers.get("Host", "")
        address = _parse(peer or "")
        if address is not None and self._trusts(address):
            scheme = _last(headers.get("X-Forwarded-Proto", "")) or scheme
            host = _last(headers.get("X-Forwarded-Host", "")) or host
        return f"{scheme}://{host}"

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _last(listed: str) -> str:
    return listed.rpartition(",")[2].strip()


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    # An IPv6 socket shows IPv4 peers as ::ffff:a.b.c.d; they are the same client.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address

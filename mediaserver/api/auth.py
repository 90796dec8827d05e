"""Who asks, and from where: the bearer token (RFC 6750) and the address behind trusted proxies."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

from mediaserver.api.services import SERVICES
from mediaserver.base.errors import StartError, Unauthenticated
from mediaserver.domain.actor import Actor
from mediaserver.usecases import identity

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
            if not any(parsed in network for network in self._networks):
                break
        return address


PROXIES = web.AppKey("trusted_proxies", TrustedProxies)


def client_address(request: web.Request) -> str:
    forwarded_for = ",".join(request.headers.getall("X-Forwarded-For", []))
    return request.app[PROXIES].client_address(request.remote, forwarded_for)


async def actor_of(request: web.Request) -> Actor:
    """Whom the request's access token names. Unauthenticated."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("unauthenticated", "this needs an access token: `Authorization: Bearer …`")
    return await identity.authenticate(request.app[SERVICES].context, token.strip())


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    # An IPv6 socket shows IPv4 peers as ::ffff:a.b.c.d; they are the same client.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address

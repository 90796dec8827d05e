"""Identifies the sender of a request by bearer token (RFC 6750) and by address, behind trusted proxies too."""

from aiohttp import web

from mediaserver.api.runtime.services import SERVICES
from mediaserver.base.errors import Unauthenticated
from mediaserver.base.net.proxies import TrustedProxies
from mediaserver.domain.documents.actor import Actor
from mediaserver.usecases.accounts import identity

__all__ = ["PROXIES", "TrustedProxies", "actor_of", "client_address"]

PROXIES = web.AppKey("trusted_proxies", TrustedProxies)


def client_address(request: web.Request) -> str:
    """Return the client's IP address, as trusted proxies report it."""
    forwarded_for = ",".join(request.headers.getall("X-Forwarded-For", []))
    return request.app[PROXIES].client_address(request.remote, forwarded_for)


async def actor_of(request: web.Request) -> Actor:
    """Return the user whom the request's access token names. Raises: Unauthenticated."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated(
            "unauthenticated", "Sign in first. Send the access token as `Authorization: Bearer …`."
        )
    return await identity.authenticate(request.app[SERVICES].context, token.strip())

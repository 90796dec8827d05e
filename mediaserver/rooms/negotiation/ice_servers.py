"""`iceServers` for clients: STUN as it is, TURN with credentials that expire.

Username and password follow coturn's `use-auth-secret` (the TURN REST API draft): `expiry:user` and the base64
HMAC-SHA1 of that under the shared secret."""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any

from mediaserver.base.settings.tree import Media


def ice_servers(settings: Media, user_id: str, now: datetime) -> list[dict[str, Any]]:
    servers: list[dict[str, Any]] = []
    if settings.stun_urls:
        servers.append({"urls": list(settings.stun_urls)})
    if settings.turn_urls:
        username = f"{int(now.timestamp()) + settings.turn_ttl_s}:{user_id}"
        digest = hmac.new(settings.turn_secret.encode(), username.encode(), hashlib.sha1).digest()
        credential = base64.b64encode(digest).decode()
        servers.append({"urls": list(settings.turn_urls), "username": username, "credential": credential})
    return servers

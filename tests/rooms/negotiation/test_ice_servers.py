"""Credentials that coturn accepts."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

from mediaserver.base.settings.tree import Media
from mediaserver.rooms.negotiation.ice_servers import ice_servers

NINE = datetime(2026, 1, 2, 9, 0, tzinfo=UTC)


def test_turn_credentials_expire_and_are_signed_with_the_secret() -> None:
    settings = Media(
        stun_urls=("stun:s",), turn_urls=("turn:t?transport=udp",), turn_secret="key", turn_ttl_s=3600
    )
    stun, turn = ice_servers(settings, "U1", NINE)
    assert stun == {"urls": ["stun:s"]}
    assert turn["username"] == f"{int(NINE.timestamp()) + 3600}:U1"
    expected = hmac.new(b"key", turn["username"].encode(), hashlib.sha1).digest()
    assert base64.b64decode(turn["credential"]) == expected


def test_nothing_is_told_where_nothing_is_set() -> None:
    assert ice_servers(Media(), "U1", NINE) == []

"""Signed file URLs: made for one person, one object and a time; whoever changes any part has no signature for it.

A signature proves that the server gave out the URL, not that its person still has the right: that is asked anew
at each request.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

from mediaserver.base.errors import Forbidden

_PATH = "/files/"


@dataclass(frozen=True, slots=True)
class SignedFile:
    """What a URL with a good signature says."""

    key: str
    """Key of the object."""
    person: str
    """Id of the user for whom it was made."""
    expires: int
    """Unix seconds."""
    name: str | None = None
    """File name under which a browser saves it."""


class UrlSigner:
    """Makes and checks `/files/{key}?person=…&expires=…[&name=…]&signature=…` (HMAC-SHA256)."""

    def __init__(self, key: bytes, public_url: str = "") -> None:
        """`public_url` is put before the path; empty: URLs are relative to the server's root."""
        assert len(key) >= 32, "a URL key has 32 bytes"
        self._key = key
        self._base = public_url.rstrip("/")

    def url(self, key: str, person: str, now: datetime, ttl_s: int, name: str | None = None) -> str:
        """A URL that works for between half of `ttl_s` and all of it.

        Expiry falls on round times, so the same object asked for again has the same URL: browsers' caches hit,
        and answers that hold it keep their ETag.
        """
        step = max(1, ttl_s // 2)
        expires = (int(now.timestamp()) + ttl_s) // step * step
        signed = SignedFile(key, person, expires, name)
        query = {"person": person, "expires": str(expires)}
        if name is not None:
            query["name"] = name
        return f"{self._base}{_PATH}{quote(key)}?{urlencode({**query, 'signature': self._sign(signed)})}"

    def verify(self, key: str, query: Mapping[str, str], now: datetime) -> SignedFile:
        """What the URL says; Forbidden `bad_signature` (a part is missing or altered) or `expired`."""
        expires = query.get("expires", "")
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
            raise _bad_signature()
        signed = SignedFile(key, query.get("person", ""), int(expires), query.get("name"))
        given = query.get("signature", "").encode("utf-8", "surrogatepass")
        # Constant time: how long a refusal takes must not tell how many characters were right.
        if not hmac.compare_digest(given, self._sign(signed).encode()) or expires != str(signed.expires):
            raise _bad_signature()
        if now.timestamp() >= signed.expires:
            raise Forbidden("expired", "this link has expired; ask for it again")
        return signed

    def _sign(self, signed: SignedFile) -> str:
        # JSON keeps the parts apart: no two different links have the same text.
        text = json.dumps([1, signed.key, signed.person, signed.expires, signed.name])
        digest = hmac.digest(self._key, text.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _bad_signature() -> Forbidden:
    return Forbidden("bad_signature", "this link was not made by this server or was changed")

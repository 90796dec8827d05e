"""Signed file URLs: each is made for one holder, one object and a limited time, and altering any part voids it.

A signature proves that the server issued the URL. Whether the holder's login still stands and whether they may
still read the object is checked at each request.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

from mediaserver.base.errors import Forbidden

_PATH = "/files/"


@dataclass(frozen=True, slots=True)
class LinkHolder:
    """The reader for whom a URL is made."""

    person: str
    """Id of the user, or `ANYONE`."""
    login: str = ""
    """Id of the login; empty for `ANYONE`."""
    epoch: int = 0
    """The person's login epoch: the URL ends when all logins of that epoch end."""


ANYONE: Final = LinkHolder("anyone")
"""The holder of URLs that are the same for every reader."""


@dataclass(frozen=True, slots=True)
class SignedFile:
    """What a URL with a valid signature says."""

    key: str
    """Key of the object."""
    holder: LinkHolder
    expires: int
    """Unix seconds."""
    name: str | None = None
    """File name under which a browser saves it."""

    def expired(self, now: datetime) -> bool:
        return now.timestamp() >= self.expires


class UrlSigner:
    """Makes and checks `/files/{key}?person=…&login=…&epoch=…&expires=…[&name=…]&signature=…` (HMAC-SHA256).

    URLs for `ANYONE` have neither `login` nor `epoch`.
    """

    def __init__(self, key: bytes, public_url: str = "") -> None:
        """`public_url` is put before the path; empty: URLs are relative to the server's root."""
        assert len(key) >= 32, "a URL key has 32 bytes"
        self._key = key
        self._base = public_url.rstrip("/")

    def url(
        self,
        key: str,
        holder: LinkHolder,
        now: datetime,
        ttl_s: int,
        name: str | None = None,
        step_s: int | None = None,
    ) -> str:
        """Return a URL that works for at most `ttl_s`, and at least for `ttl_s - step_s`.

        Expiry falls on multiples of `step_s` (half of `ttl_s` by default), so the same object requested again by
        the same holder has the same URL: browser caches hit, and answers that contain it keep their ETag.
        """
        step = max(1, ttl_s // 2 if step_s is None else min(step_s, ttl_s // 2))
        expires = (int(now.timestamp()) + ttl_s) // step * step
        signed = SignedFile(key, holder, expires, name)
        query = {"person": holder.person}
        if holder.login:
            query |= {"login": holder.login, "epoch": str(holder.epoch)}
        query["expires"] = str(expires)
        if name is not None:
            query["name"] = name
        return f"{self._base}{_PATH}{quote(key)}?{urlencode({**query, 'signature': self._sign(signed)})}"

    def verify(self, key: str, query: Mapping[str, str]) -> SignedFile:
        """Return what the URL says, whether or not it has expired.

        Raises: Forbidden("bad_signature") when a part is missing or altered.
        """
        expires, login = query.get("expires", ""), query.get("login", "")
        epoch = query.get("epoch", "") if login else "0"
        if not (_is_number(expires) and _is_number(epoch)):
            raise _bad_signature()
        holder = LinkHolder(query.get("person", ""), login, int(epoch))
        signed = SignedFile(key, holder, int(expires), query.get("name"))
        given = query.get("signature", "").encode("utf-8", "surrogatepass")
        # Constant time: how long a refusal takes must not tell how many characters were right.
        if not hmac.compare_digest(given, self._sign(signed).encode()):
            raise _bad_signature()
        return signed

    def _sign(self, signed: SignedFile) -> str:
        holder = signed.holder
        # JSON keeps the parts apart: no two different URLs have the same text. Links without a login keep the
        # first version's text, so that pictures of people which clients already know go on working.
        if holder.login:
            parts = [2, signed.key, holder.person, holder.login, holder.epoch, signed.expires, signed.name]
        else:
            parts = [1, signed.key, holder.person, signed.expires, signed.name]
        digest = hmac.digest(self._key, json.dumps(parts).encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _is_number(text: str) -> bool:
    """Whether it is a number as the server writes it: one URL has one spelling."""
    return text.isascii() and text.isdigit() and len(text) <= 12 and text == str(int(text))


def _bad_signature() -> Forbidden:
    return Forbidden("bad_signature", "This link was not made by this server, or it was changed.")

"""Entity tags and conditions on them (RFC 9110 sections 8.8.3 and 13).

A tag is a hash of the response body, so it is strong. For documents that can be edited, the revision precedes
it: `"{revision}.{hash}"`. Conditions on edits compare the revision alone, because the body also changes when
likes are counted or links are signed again.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

from multidict import MultiMapping

from mediaserver.base.errors import BadRequest

CONDITION_PATTERN = r'^(\*|(W/)?"[!#-~]*"([ \t]*,[ \t]*(W/)?"[!#-~]*")*)$'
"""Syntax of a condition: `*`, or a comma-separated list of tags."""

_DIGEST_SIZE = 12
_ITEM = re.compile(r'[ \t]*(?:((?:W/)?"[!#-~]*")[ \t]*)?(?:,|\Z)')
_REVISION = re.compile(r'"(\d{1,15})\.')


def entity_tag(body: bytes, revision: int | None = None) -> str:
    """Return the strong tag of a response body, with its quotes."""
    digest = base64.urlsafe_b64encode(hashlib.blake2b(body, digest_size=_DIGEST_SIZE).digest()).decode()
    return f'"{digest}"' if revision is None else f'"{revision}.{digest}"'


@dataclass(frozen=True, slots=True)
class IfNoneMatch:
    """The tags of the versions that a client has; None means `*`, any version."""

    tags: tuple[str, ...] | None

    def has(self, tag: str) -> bool:
        """Compare weakly: a strong tag equals the weak tag of the same text."""
        return self.tags is None or tag in [one.removeprefix("W/") for one in self.tags]


@dataclass(frozen=True, slots=True)
class IfMatch:
    """The tags of which one must match the document; None means `*`, any version."""

    tags: tuple[str, ...] | None

    def has(self, tag: str) -> bool:
        """Compare strongly: weak tags match nothing."""
        return self.tags is None or tag in self.tags

    def fits(self, revision: int) -> bool:
        """Return whether an edit is meant for this revision of a document."""
        if self.tags is None:
            return True
        found = (_REVISION.match(tag) for tag in self.tags)
        return any(match is not None and int(match[1]) == revision for match in found)


def if_match(headers: MultiMapping[str]) -> IfMatch | None:
    """Parse `If-Match`; None without the header. Raises: BadRequest("malformed")."""
    return IfMatch(_tags(headers, "If-Match")) if "If-Match" in headers else None


def if_none_match(headers: MultiMapping[str]) -> IfNoneMatch | None:
    """Parse `If-None-Match`; None without the header. Raises: BadRequest("malformed")."""
    return IfNoneMatch(_tags(headers, "If-None-Match")) if "If-None-Match" in headers else None


def _tags(headers: MultiMapping[str], name: str) -> tuple[str, ...] | None:
    text, found, at = ",".join(headers.getall(name)), [], 0
    if text.strip() == "*":
        return None
    while at < len(text):
        item = _ITEM.match(text, at)
        if item is None:
            break
        at = item.end()
        if item[1]:  # empty elements of a list count for nothing (RFC 9110 section 5.6.1.2)
            found.append(item[1])
    if at < len(text) or not found:
        raise BadRequest(
            "malformed", f'{name} must be `*` or a comma-separated list of entity tags such as "3.Yx0c".'
        )
    return tuple(found)

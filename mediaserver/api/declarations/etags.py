"""Entity tags and the conditions made of them (RFC 9110 sections 8.8.3 and 13).

A tag is a hash of the answer's bytes, so it is strong. That of a document which can be edited has the document's
revision before it, `"{revision}.{hash}"`: what an editor must not overwrite is the document, so an edit is judged
by the revision alone, though likes were counted or links signed anew meanwhile.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

from multidict import MultiMapping

from mediaserver.base.errors import BadRequest

CONDITION_PATTERN = r'^(\*|(W/)?"[!#-~]*"([ \t]*,[ \t]*(W/)?"[!#-~]*")*)$'
"""How a condition is written: `*`, or tags with commas between."""

_DIGEST_SIZE = 12
_ITEM = re.compile(r'[ \t]*(?:((?:W/)?"[!#-~]*")[ \t]*)?(?:,|\Z)')
_REVISION = re.compile(r'"(\d{1,15})\.')


def entity_tag(body: bytes, revision: int | None = None) -> str:
    """The strong tag of an answer, in its quotes."""
    digest = base64.urlsafe_b64encode(hashlib.blake2b(body, digest_size=_DIGEST_SIZE).digest()).decode()
    return f'"{digest}"' if revision is None else f'"{revision}.{digest}"'


@dataclass(frozen=True, slots=True)
class IfNoneMatch:
    """The tags that a client has; None is `*`: whatever there is."""

    tags: tuple[str, ...] | None

    def has(self, tag: str) -> bool:
        """By weak comparison: a strong tag and the weak one of the same text are the same."""
        return self.tags is None or tag in [one.removeprefix("W/") for one in self.tags]


@dataclass(frozen=True, slots=True)
class IfMatch:
    """The tags of which one must be that of the document; None is `*`: whatever there is."""

    tags: tuple[str, ...] | None

    def has(self, tag: str) -> bool:
        """By strong comparison: weak tags match nothing."""
        return self.tags is None or tag in self.tags

    def fits(self, revision: int) -> bool:
        """Whether an edit is for this revision of a document."""
        if self.tags is None:
            return True
        found = (_REVISION.match(tag) for tag in self.tags)
        return any(match is not None and int(match[1]) == revision for match in found)


def if_match(headers: MultiMapping[str]) -> IfMatch | None:
    """None without the header. BadRequest `malformed`."""
    return IfMatch(_tags(headers, "If-Match")) if "If-Match" in headers else None


def if_none_match(headers: MultiMapping[str]) -> IfNoneMatch | None:
    """None without the header. BadRequest `malformed`."""
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
        raise BadRequest("malformed", f'{name} must be `*` or entity tags such as "3.Yx0c", with commas between')
    return tuple(found)

"""Conditions and ranges of a GET (RFC 9110 sections 13 and 14), evaluated from headers alone.

A single range is served. For several ranges, or one that cannot be parsed, the whole file is: servers may
ignore Range.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Literal

_RANGE = re.compile(r"bytes=\s*(\d{0,15})-(\d{0,15})\s*", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?"[^"]*"')

Verdict = Literal["go_on", "not_modified", "failed"]


def requested_range(header: str, size: int) -> tuple[int, int] | Literal["whole", "unsatisfiable"]:
    """Return the range `(start, end)`, `end` exclusive, of an object of `size` bytes."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return "whole"
    first, last = match.groups()
    if not first:  # the last n bytes
        count = int(last)
        return (max(0, size - count), size) if count and size else "unsatisfiable"
    start = int(first)
    end = int(last) + 1 if last else size
    if end <= start and last:
        return "whole"  # the last byte precedes the first: not a valid range
    return (start, min(end, size)) if start < size else "unsatisfiable"


def judge(headers: Mapping[str, str], etag: str, modified: datetime) -> Verdict:
    """Evaluate the preconditions in the order of RFC 9110 section 13.2.2. `etag` is strong, without quotes."""
    tag = f'"{etag}"'
    if "If-Match" in headers:
        if not _matches(headers["If-Match"], tag, weakly=False):
            return "failed"
    elif (since := _date(headers.get("If-Unmodified-Since"))) and _seconds(modified) > since:
        return "failed"
    if "If-None-Match" in headers:
        return "not_modified" if _matches(headers["If-None-Match"], tag, weakly=True) else "go_on"
    since = _date(headers.get("If-Modified-Since"))
    return "not_modified" if since and _seconds(modified) <= since else "go_on"


def range_applies(headers: Mapping[str, str], etag: str, modified: datetime) -> bool:
    """Return whether `If-Range` lets the range apply: only for the version of which the client has a part."""
    condition = headers.get("If-Range", "").strip()
    if not condition:
        return True
    if condition.endswith('"'):
        return condition == f'"{etag}"'
    return _date(condition) == _seconds(modified)


def http_date(moment: datetime) -> str:
    """Return the time as an HTTP date (RFC 9110 section 5.6.7)."""
    return format_datetime(_seconds(moment), usegmt=True)


def _matches(header: str, tag: str, *, weakly: bool) -> bool:
    if header.strip() == "*":
        return True
    found = _TAG.findall(header)
    return tag in ([one.removeprefix("W/") for one in found] if weakly else found)


def _date(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        parsed = parsedate_to_datetime(text)
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed


def _seconds(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)

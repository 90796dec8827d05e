"""Conditions and ranges of a GET (RFC 9110 sections 13 and 14), judged from headers alone.

One range is served; of several, and of what cannot be parsed, the whole is: a server may ignore Range.
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
    """`(start, end)` with `end` exclusive, for an object of `size` bytes."""
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
        return "whole"  # last before first: not a range at all
    return (start, min(end, size)) if start < size else "unsatisfiable"


def judge(headers: Mapping[str, str], etag: str, modified: datetime) -> Verdict:
    """The preconditions in the order of RFC 9110 section 13.2.2; `etag` is strong and without quotes."""
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
    """If-Range: the range counts only for the version that the client has a part of."""
    condition = headers.get("If-Range", "").strip()
    if not condition:
        return True
    if condition.endswith('"'):
        return condition == f'"{etag}"'
    return _date(condition) == _seconds(modified)


def http_date(moment: datetime) -> str:
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

"""Parse timestamps of clients: RFC 3339, years 1900 to 9999, with a specific error for each mistake."""

import calendar
import re
from datetime import UTC, datetime
from typing import Any, Final

MOMENT_PATTERN: Final = (
    r"^(19|[2-9][0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""RFC 3339, from 1900 to 9999, without leap seconds."""
_MOMENT: Final = re.compile(MOMENT_PATTERN)
_SHAPE: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?"
    r"(Z|[+-]([0-9]{2}):([0-9]{2}))?",
    re.ASCII,
)
_FIRST, _LAST = 1900, 9999
_FRACTION: Final = 9
_OUTSIDE: Final = f"must be a time between the years {_FIRST} and {_LAST} in UTC"


def moment(value: Any) -> datetime:
    """Return the timestamp in UTC, truncated to milliseconds as MongoDB stores it.

    Kept in one function because it runs for every timestamp that is read. Raises: ValueError with the reason.
    """
    if isinstance(value, str):
        # Checked here because pydantic also accepts other formats, such as Unix seconds.
        if not _MOMENT.search(value):
            raise ValueError(_fault(value))
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(_fault(value)) from None
    elif not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("must be a time with a zone")
    try:
        moment: datetime = value if value.tzinfo is UTC else value.astimezone(UTC)
    except OverflowError:  # the offset leads out of the supported range
        raise ValueError(_OUTSIDE) from None
    if not _FIRST <= moment.year <= _LAST:
        raise ValueError(_OUTSIDE)
    beyond = moment.microsecond % 1000
    return moment.replace(microsecond=moment.microsecond - beyond) if beyond else moment


def _fault(text: str) -> str:
    """Return why the text is not a valid timestamp."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        return "must be a time such as 2026-03-02T09:00:00Z (RFC 3339)"
    year, month, day, hour, minute, second = (int(digits) for digits in shape.groups()[:6])
    fraction, zone, offset_hours, offset_minutes = shape.groups()[6:]
    if not _FIRST <= year <= _LAST:
        return f"must be a time between the years {_FIRST} and {_LAST}"
    if not 1 <= month <= 12:
        return "must have a month from 01 to 12"
    days = calendar.monthrange(year, month)[1]
    if not 1 <= day <= days:
        return f"must have a day from 01 to {days}: {calendar.month_name[month]} {year} has no day {day}"
    if hour == 24:
        return "must have an hour from 00 to 23: midnight is 00:00 of the next day"
    if hour > 24:
        return "must have an hour from 00 to 23"
    if minute > 59:
        return "must have a minute from 00 to 59"
    if second == 60:
        return "must have a second from 00 to 59: leap seconds are not accepted"
    if second > 60:
        return "must have a second from 00 to 59"
    if fraction and len(fraction) > _FRACTION + 1:
        return f"must have at most {_FRACTION} digits after the second"
    if not zone:
        return "must have a zone: Z for UTC, or an offset such as +01:00"
    if offset_hours and (int(offset_hours) > 23 or int(offset_minutes) > 59):
        return "must have an offset between -23:59 and +23:59"
    return "must be a time such as 2026-03-02T09:00:00Z (RFC 3339)"

"""Times in requests: what is accepted comes back, and each fault is named for what it is."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from mediaserver.domain.documents.document import Moment

MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
        ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999Z"),
        ("3000-01-01T00:00:00+01:00", "2999-12-31T23:00:00.000Z"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00.000Z"),
        ("2024-02-29T12:00:00-00:00", "2024-02-29T12:00:00.000Z"),
        ("2026-03-02T09:00:00+05:45", "2026-03-02T03:15:00.000Z"),
        ("2026-03-02T09:00:00+23:59", "2026-03-01T09:01:00.000Z"),
    ],
)
def test_times_are_accepted_in_any_zone(text: str, shown: str) -> None:
    moment = MOMENT.validate_python(text)
    assert moment.tzinfo is UTC
    assert json.loads(MOMENT.dump_json(moment)) == shown


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("9999-12-31T23:59:59-01:00", "between the years 1900 and 9999 in UTC"),
        ("1900-01-01T00:00:00+01:00", "between the years 1900 and 9999 in UTC"),
        ("0000-01-01T00:00:00Z", "between the years 1900 and 9999"),
        ("0001-01-01T00:00:00+01:00", "between the years 1900 and 9999"),
        ("1899-12-31T23:59:59Z", "between the years 1900 and 9999"),
        ("10000-01-01T00:00:00Z", "such as 2026-03-02T09:00:00Z"),
        ("2026-13-01T00:00:00Z", "a month from 01 to 12"),
        ("2026-00-01T00:00:00Z", "a month from 01 to 12"),
        ("2026-02-29T00:00:00Z", "a day from 01 to 28"),
        ("2026-04-31T00:00:00Z", "a day from 01 to 30"),
        ("2026-04-00T00:00:00Z", "a day from 01 to 30"),
        ("2026-03-02T24:00:00Z", "midnight is 00:00 of the next day"),
        ("2026-03-02T25:00:00Z", "an hour from 00 to 23"),
        ("2026-03-02T09:60:00Z", "a minute from 00 to 59"),
        ("2016-12-31T23:59:60Z", "leap seconds are not accepted"),
        ("2026-03-02T09:00:61Z", "a second from 00 to 59"),
        ("2026-03-02T09:00:00.1234567890Z", "at most 9 digits"),
        ("2026-03-02T09:00:00", "a zone"),
        ("2026-03-02T09:00:00+24:00", "an offset between"),
        ("2026-03-02T09:00:00+01:60", "an offset between"),
        ("2026-03-02 09:00:00Z", "such as 2026-03-02T09:00:00Z"),
        ("2026-03-02T09:00:00Z\n", "such as 2026-03-02T09:00:00Z"),
        ("٢٠٢٦-03-02T09:00:00Z", "such as 2026-03-02T09:00:00Z"),
        ("1772442000", "such as 2026-03-02T09:00:00Z"),
        ("", "such as 2026-03-02T09:00:00Z"),
    ],
)
def test_the_reason_of_a_refusal_is_the_true_one(text: str, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        MOMENT.validate_python(text)
    assert reason in refused.value.errors()[0]["msg"]

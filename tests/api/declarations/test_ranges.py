from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.api.declarations.ranges import http_date, judge, range_applies, requested_range

MODIFIED = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
BEFORE, SAME, AFTER = [f"Fri, 02 Jan 2026 03:04:{second} GMT" for second in ("04", "05", "06")]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-5", (2, 6)),
        ("bytes=2-", (2, 10)),
        ("bytes=2-99999", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("Bytes= 0-1 ", (0, 2)),
        ("bytes=10-", "unsatisfiable"),
        ("bytes=10-12", "unsatisfiable"),
        ("bytes=-0", "unsatisfiable"),
        ("", "whole"),
        ("bytes=-", "whole"),
        ("bytes=5-2", "whole"),
        ("bytes=0-1,4-5", "whole"),
        ("items=0-1", "whole"),
        ("bytes=a-b", "whole"),
        ("bytes=٣-٤", "whole"),
        ("bytes=0-99999999999999999999999", "whole"),
    ],
)
def test_ranges_of_ten_bytes(header: str, found: object) -> None:
    assert requested_range(header, 10) == found


def test_nothing_of_an_empty_file_can_be_had() -> None:
    assert requested_range("bytes=0-", 0) == "unsatisfiable"
    assert requested_range("bytes=-1", 0) == "unsatisfiable"


@given(st.text() | st.from_regex(r"bytes=\d*-\d*", fullmatch=True), st.integers(0, 1000))
def test_a_range_lies_within_the_file(header: str, size: int) -> None:
    found = requested_range(header, size)
    if isinstance(found, tuple):
        assert 0 <= found[0] < found[1] <= size


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({}, "go_on"),
        ({"If-None-Match": '"e"'}, "not_modified"),
        ({"If-None-Match": 'W/"e"'}, "not_modified"),
        ({"If-None-Match": '"a", "e"'}, "not_modified"),
        ({"If-None-Match": "*"}, "not_modified"),
        ({"If-None-Match": '"a"'}, "go_on"),
        ({"If-None-Match": '"a"', "If-Modified-Since": AFTER}, "go_on"),
        ({"If-Modified-Since": SAME}, "not_modified"),
        ({"If-Modified-Since": BEFORE}, "go_on"),
        ({"If-Modified-Since": "yesterday"}, "go_on"),
        ({"If-Match": '"e"'}, "go_on"),
        ({"If-Match": "*"}, "go_on"),
        ({"If-Match": 'W/"e"'}, "failed"),
        ({"If-Match": '"a"'}, "failed"),
        ({"If-Unmodified-Since": SAME}, "go_on"),
        ({"If-Unmodified-Since": BEFORE}, "failed"),
        ({"If-Match": '"e"', "If-Unmodified-Since": BEFORE}, "go_on"),
    ],
)
def test_conditions(headers: dict[str, str], verdict: str) -> None:
    assert judge(headers, "e", MODIFIED) == verdict


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ("", True),
        ('"e"', True),
        ('"a"', False),
        ('W/"e"', False),
        (SAME, True),
        (AFTER, False),
        ("nonsense", False),
    ],
)
def test_a_range_counts_for_the_version_that_the_client_has(condition: str, applies: bool) -> None:
    assert range_applies({"If-Range": condition}, "e", MODIFIED) is applies


def test_dates_are_written_as_http_wants_them() -> None:
    assert http_date(MODIFIED) == "Fri, 02 Jan 2026 03:04:05 GMT"

"""How long a file is to live, as clients say it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploadsvc.errors import BadInput
from uploadsvc.life import parse_life

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def life(text):
    return parse_life(text, now=NOW)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1", 1), ("600", 600), ("0600", 600), ("9" * 10, 9_999_999_999)]
)
def test_digits_alone_are_seconds(text, seconds):
    assert life(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T12:01:00Z", "2026-11-20 12:01:00z", "2026-11-20t12:01Z",
        "2026-11-20T12:01:00.000000000Z", "2026-11-20T12:01:00,0Z", "2026-11-20T13:01:00+01:00",
        "2026-11-20T13:01:00+0100", "2026-11-20T13:01+01", "2026-11-20T02:31:00-09:30",
        "2026-11-21T02:01:00+14:00", "20261120T120100Z", "20261120T1201Z", "20261120T130100+0100",
    ],
)  # fmt: skip
def test_a_time_of_iso_8601_says_its_offset(text):
    assert life(text) == MINUTE


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 20 Nov 2026 12:01:00 GMT",
        "Friday, 20-Nov-26 12:01:00 GMT",
        "Fri Nov 20 12:01:00 2026",
    ],
)
def test_an_http_date_has_three_forms(text):
    """RFC 9110 5.6.7: a recipient must accept all three."""
    assert life(text) == MINUTE


def test_a_day_of_one_digit_stands_behind_a_space_in_the_third_form():
    assert life("Wed Dec  2 12:00:00 2026") == timedelta(days=12)


def test_two_digits_of_a_year_mean_one_that_is_no_more_than_50_years_ahead():
    """RFC 9110 5.6.7."""
    assert life("Friday, 20-Nov-76 11:00:00 GMT") > timedelta(days=49 * 365)
    with pytest.raises(BadInput, match="in the future"):
        life("Saturday, 20-Nov-77 11:00:00 GMT")


@given(st.datetimes(min_value=datetime(2026, 11, 20, 12, 1), max_value=datetime(9999, 1, 1)))
def test_every_way_to_write_a_moment_is_the_same_moment(moment):
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    digits = f"{int((moment - NOW).total_seconds())}"
    ways = [moment.isoformat(), f"{moment:%Y%m%dT%H%M%SZ}", format_datetime(moment, usegmt=True)]

    assert {life(way) for way in ways} == {moment - NOW}
    if len(digits) <= 10:
        assert life(digits) == moment - NOW


@pytest.mark.parametrize(
    "text",
    [
        "0", "00", "2026-11-20T12:00:00Z", "2026-11-20T11:59:59Z", "1970-01-01T00:00:00Z",
        "2026-11-20T12:00:00+01:00", "Fri, 20 Nov 2026 12:00:00 GMT", "0001-01-01T00:00:00+23:59",
    ],
)  # fmt: skip
def test_what_is_not_in_the_future_is_refused(text):
    with pytest.raises(BadInput, match=r"^expires must be in the future$"):
        life(text)


def test_the_next_moment_is_in_the_future():
    assert life("2026-11-20T12:00:00.000001Z") == timedelta(microseconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "600 ", " 600", "600\n", "+600", "-600", "6e2", "600.0", "1_000", "0x10", "٦٠٠",
        "²", "10m", "1d", "never", "None", "null", "nan", "inf", "\0", "é", "\ud800", "1" * 11,
        "9" * 5000, "2030-01-31", "2030-01-31T12:00:00", "20300131T120000", "12:00:00Z",
        "2030-01-31T12:00:00 01:00", "2030-01-31T12:00:00+", "2030-01-31  12:00:00Z",
        "2030-01-31T12:00:00+25:00", "2030-01-31T24:00:00Z", "2030-01-31T12:60:00Z",
        "2030-02-30T12:00:00Z", "2030-13-01T12:00:00Z", "0000-01-01T00:00:00Z",
        "2030-01-31T12:00:00Z\n", "2030-W05-4T12:00:00Z", "2030-031T12:00:00Z",
        "2030-1-31T12:00:00Z", "+2030-01-31T12:00:00Z", "2030-01-31T12:00:00.Z",
        "2030-01-31T12:00:00Z, 2031-01-31T12:00:00Z", "２０３０-01-31T12:00:00Z",
        "Thu, 31 Jan 2030 12:00:00", "Thu, 31 Jan 2030 12:00:00 UTC", "Thu, 31 Jan 2030 12:00 GMT",
        "thu, 31 jan 2030 12:00:00 gmt",
        "Thu, 31 Jan 30 12:00:00 GMT", "Thu, 31 Foo 2030 12:00:00 GMT", "31 Jan 2030 12:00:00 GMT",
        "Thu, 31 Feb 2030 12:00:00 GMT", "Thu, 1 Jan 2030 12:00:00 GMT",
        "Thu, 31 Jan 2030 12:00:61 GMT", "Thu, 31 Jan 2030 24:00:00 GMT", "Fri Nov 20 12:01 2026",
        "600, 600", "600;", "<script>", "x" * 10_000,
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_one_sentence(text):
    with pytest.raises(BadInput, match=r"^expires must be seconds, or a time such as \S+$"):
        life(text)


@given(st.text(max_size=70))
def test_no_text_brings_it_down(text):
    try:
        assert life(text) > timedelta(0)
    except BadInput as error:
        assert text not in str(error) or len(text) < 10  # noqa: PT017

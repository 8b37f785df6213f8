"""
How long a file is to live, as a client says it: in seconds, or by the time at which it goes.

Seconds are digits alone. A time is one of ISO 8601 with date, time and offset (`Z` or like
`+01:00`; RFC 3339 is such), or an HTTP-date (RFC 9110 5.6.7) in any of its three forms. A
time without an offset is refused: whoever guessed it could keep a file for hours too long.
"""

import re
from datetime import UTC, datetime, timedelta

from uploadsvc.errors import BadInput

_LONGEST_TEXT = 64
_MOST_DIGITS = 10
"""Of seconds: some 300 years."""

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_CLOCK = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-5][0-9]|60)"
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?"
    r"([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)"
    r"|[0-9]{8}T[0-9]{4}([0-9]{2}([.,][0-9]{1,9})?)?(Z|[+-][0-9]{2}([0-9]{2})?)"
)
_HTTP = [
    re.compile(pattern)
    for pattern in (
        rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_CLOCK} GMT",
        rf"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_CLOCK} GMT",
        rf"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_CLOCK} (?P<year>[0-9]{{4}})",
    )
]


def parse_life(text: str, *, now: datetime) -> timedelta:
    """
    Return the life, from `now` on, that the text asks for; always more than nothing.

    Raise `BadInput` when it is malformed, or a time that is not in the future.
    """
    life = _read(text, now) if len(text) <= _LONGEST_TEXT else None
    if life is None:
        raise BadInput("expires must be seconds, or a time such as 2030-01-31T12:00:00Z")
    if life <= timedelta(0):
        raise BadInput("expires must be in the future")
    return life


def _read(text: str, now: datetime) -> timedelta | None:
    if re.fullmatch(rf"[0-9]{{1,{_MOST_DIGITS}}}", text):
        return timedelta(seconds=int(text))
    try:
        if _ISO.fullmatch(text):
            return datetime.fromisoformat(text.upper()) - now
        found = next((match for each in _HTTP if (match := each.fullmatch(text))), None)
        return _http_date(found, now) - now if found else None
    except ValueError:
        # In the right form, but of no day that there is.
        return None


def _http_date(found: re.Match[str], now: datetime) -> datetime:
    year = int(found["year"])
    if len(found["year"]) == 2:
        # RFC 9110 5.6.7: more than 50 years ahead means the last year that ends so.
        year += now.year // 100 * 100
        year -= 100 if year > now.year + 50 else 0
    return datetime(
        year,
        _MONTHS.index(found["month"]) + 1,
        int(found["day"]),
        int(found["hour"]),
        int(found["minute"]),
        # 60 is a leap second, which no clock of ours has.
        min(int(found["second"]), 59),
        tzinfo=UTC,
    )

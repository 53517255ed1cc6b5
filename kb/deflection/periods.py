"""The period of a report: dates as a person writes them, in the site's time zone, and its weeks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from kb.deflection.outcomes import WINDOW, WINDOWS
from kb.errors import BadParameter

MIN_SESSIONS = 5
"""Sessions from which on a query's text is shown."""

DAYS = 28
"""Four whole weeks, so that each day of the week counts alike."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Period(Struct, frozen=True, kw_only=True):
    """start <= t < end, in epoch milliseconds."""

    start: int
    end: int
    now: int
    zone: ZoneInfo = ZoneInfo("UTC")
    window: str = WINDOW
    locale: str = ""
    """Only needs of this locale; empty: of all. Coverage is always that of all."""

    @property
    def window_ms(self) -> int:
        return WINDOWS[self.window]

    @property
    def before(self) -> Period:
        """The period of the same length that ends where this begins."""
        return Period(
            start=self.start - (self.end - self.start), end=self.start, now=self.now, zone=self.zone,
            window=self.window, locale=self.locale,
        )  # fmt: skip

    def told(self, at_ms: int) -> str:
        """`2026-05-01T00:00:00+09:00`"""
        return datetime.fromtimestamp(at_ms / 1000, self.zone).isoformat(timespec="seconds")


def zone_of(name: str) -> ZoneInfo:
    """The time zone of `kb.yml`; UTC when this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def period(start: str, end: str, window: str, zone: ZoneInfo, now_ms: int, locale: str = "") -> Period:
    """A checked period; empty texts stand for the last 28 days to now.

    A date as the end means that day, too; a date and time is taken as it stands. Raises BadParameter.
    """
    if window not in WINDOWS:
        raise BadParameter("window", f"must be one of {', '.join(WINDOWS)}, not {window!r}")
    until = _moment("to", end, zone, last=True) if end else now_ms
    since = _moment("from", start, zone, last=False) if start else _days_before(until, zone)
    if since >= until:
        raise BadParameter("from", "must be before the end of the period")
    return Period(start=since, end=until, now=now_ms, zone=zone, window=window, locale=locale)


def _moment(field: str, text: str, zone: ZoneInfo, last: bool) -> int:
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text) + timedelta(days=last)
            moment = datetime.combine(day, time(), zone)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadParameter(field, f"must be a date like 2026-05-01, not {text[:40]!r}") from None


def _days_before(until: int, zone: ZoneInfo) -> int:
    """28 days earlier by the calendar: a change of the clocks moves nothing."""
    moment = datetime.fromtimestamp(until / 1000, zone) - timedelta(days=DAYS)
    return round(moment.timestamp() * 1000)


def weeks(whole: Period) -> Iterator[tuple[str, int, int]]:
    """(`2026-W18`, start, end) of each ISO week, the first and last cut to the period."""
    day = datetime.fromtimestamp(whole.start / 1000, whole.zone).date()
    monday = day - timedelta(days=day.weekday())
    start = whole.start
    while start < whole.end:
        following = monday + timedelta(days=7)
        end = min(whole.end, round(datetime.combine(following, time(), whole.zone).timestamp() * 1000))
        year, number, _ = monday.isocalendar()
        if end > start:
            yield f"{year}-W{number:02}", start, end
        monday, start = following, max(end, start)


def utc_day(at_ms: int) -> str:
    """The UTC day that losses are counted by: `2026-05-01`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()

"""Windows of time in queries: from and to, or a period."""

from datetime import datetime, timedelta
from typing import Annotated

from litestar.params import QueryParameter

from domain.errors import InvalidWindow
from domain.window import Window
from entrypoints.http.route_declarations import Rule
from entrypoints.http.times import DURATION, read_at, read_end, read_period, read_start

DEFAULT_PERIOD = timedelta(days=7)

From = Annotated[
    str | None,
    QueryParameter(
        name="from",
        description="Start of the window, RFC 3339 with a zone; 7 days before its end by default.",
        schema_extra={"format": "date-time"},
    ),
    Rule(read_start),
]
To = Annotated[
    str | None,
    QueryParameter(
        name="to",
        description="End of the window, exclusive, cut to now; now by default.",
        schema_extra={"format": "date-time"},
    ),
    Rule(read_end),
]
At = Annotated[
    str | None,
    QueryParameter(
        description="The time of the reduction, RFC 3339 with a zone, not in the future; now by default.",
        schema_extra={"format": "date-time"},
    ),
    Rule(read_at),
]
Period = Annotated[
    str | None,
    QueryParameter(
        description="Instead of from and to: the window of this length that ends now, an ISO 8601 duration in weeks, "
        "days, hours, minutes and seconds, as PT36H; P7D by default.",
        schema_extra={"format": "duration", "pattern": DURATION},
    ),
    Rule(read_period),
]


def read_window(start: str | None, end: str | None, now: datetime, period: str | None = None) -> Window:
    """Read the window of a query; without one, the last 7 days.

    Raises:
        InvalidWindow
    """
    if period is not None and (start is not None or end is not None):
        raise InvalidWindow("period", "Give either a period or from and to.")
    length = DEFAULT_PERIOD if period is None else read_period(period)
    ends = now if end is None else read_end(end)
    try:
        starts = min(ends, now) - length if start is None else read_start(start)
    except OverflowError as error:
        raise InvalidWindow("from" if period is None else "period", "The window begins before the year 1.") from error
    return Window.until_now(starts, ends, now)


def read_moment(at: str | None) -> datetime | None:
    """Read the time of a query, if there is one.

    Raises:
        InvalidWindow
    """
    return None if at is None else read_at(at)

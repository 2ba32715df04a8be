"""What is asked over HTTP: windows as people look at them, of a product that moves every minute or every hour."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote
from uuid import UUID

from benchmarks.history.data import Filled

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Question:
    """One kind of request: `path` makes the next one. `target` is of its p99, in milliseconds."""

    name: str
    path: Callable[[], str]
    target: float | None = None


_HISTORIES = (
    ("raw", 10 * HOUR, "best"),
    ("raw", 2 * DAY, "best"),
    ("5m", 2 * DAY, "best"),
    ("5m", 7 * DAY, "best"),
    ("5m", 90 * DAY, "best"),
    ("1h", 7 * DAY, "best"),
    ("1h", 25 * DAY, "best"),
    ("1d", 30 * DAY, "best"),
    ("auto", HOUR, "best"),
    ("auto", 2 * DAY, "best"),
    ("auto", 7 * DAY, "best"),
    ("auto", 30 * DAY, "best"),
    ("raw", HOUR, "offers"),
    ("raw", 2 * DAY, "offers"),
    ("auto", 2 * DAY, "offers"),
    ("1h", 7 * DAY, "offers"),
    ("1d", 30 * DAY, "offers"),
)
# What `auto` chooses by itself must be quick, and so must asking for the same by name; more than 600 points need not.
_CHOSEN_BY_AUTO = {("raw", 10 * HOUR), ("5m", 2 * DAY), ("1h", 7 * DAY), ("1h", 25 * DAY), ("1d", 30 * DAY)}
_CHANGES = (DAY, 7 * DAY, 30 * DAY)
_STATISTICS = (7 * DAY, 30 * DAY)
ANSWERED_IN, SUMMED_UP_IN = 50.0, 100.0


def questions(filled: Filled) -> list[Question]:
    """Return what is measured, in the order in which it is printed."""
    dice = random.Random(20)  # noqa: S311 - guards nothing
    return [
        *_of("minute", lambda: filled.minute, filled),
        *_of("hourly", lambda: dice.choice(filled.hourly), filled),
    ]


def largest(filled: Filled) -> list[Question]:
    """Return those with the most points."""
    asked = {question.name: question for question in questions(filled)}
    return [
        asked[f"minute history {name}"] for name in ("raw 48 h", "5m 90 d", "1h 7 d of offers", "raw 48 h of offers")
    ]


def _of(kind: str, product_id: Callable[[], UUID], filled: Filled) -> list[Question]:
    def history(interval: str, length: timedelta, series: str) -> Question:
        best = series == "best"
        quick = best and (interval == "auto" or (interval, length) in _CHOSEN_BY_AUTO)
        name = f"{kind} history {interval} {_shown(length)}{'' if best else ' of offers'}"
        path = f"price-history?{_window(filled.at, length)}&interval={interval}&series={series}"
        target = ANSWERED_IN if quick else None if best or interval in ("raw", "auto") else SUMMED_UP_IN
        return Question(name, lambda: f"/products/{product_id()}/{path}", target)

    def change(length: timedelta) -> Question:
        path = f"price-change?period=P{length.days}D"
        return Question(f"{kind} change {_shown(length)}", lambda: f"/products/{product_id()}/{path}", ANSWERED_IN)

    def statistics(length: timedelta) -> Question:
        path = f"price-statistics?{_window(filled.at, length)}"
        return Question(f"{kind} statistics {_shown(length)}", lambda: f"/products/{product_id()}/{path}", SUMMED_UP_IN)

    def prior_price() -> str:
        return f"/products/{product_id()}/prior-price?at={quote(filled.at.isoformat())}"

    def offer_prior_price() -> str:
        id = product_id()
        return f"/products/{id}/offers/{filled.an_offer[id]}/prior-price?at={quote(filled.at.isoformat())}"

    def offer() -> str:
        id = product_id()
        return f"/products/{id}/offers/{filled.an_offer[id]}"

    return [
        *(history(*each) for each in _HISTORIES),
        *map(change, _CHANGES),
        *map(statistics, _STATISTICS),
        Question(f"{kind} prior price 30 d", prior_price, SUMMED_UP_IN),
        Question(f"{kind} offer prior price 30 d", offer_prior_price, SUMMED_UP_IN),
        Question(f"{kind} offer", offer),
    ]


def _window(end: datetime, length: timedelta) -> str:
    return f"from={quote((end - length).isoformat())}&to={quote(end.isoformat())}"


def _shown(length: timedelta) -> str:
    return f"{length.days} d" if length > 2 * DAY else f"{length // HOUR} h"

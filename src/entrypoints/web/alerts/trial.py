"""A rule tried over the recorded prices of a product: the back-test of the API, drawn and in words."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from application.alerts.back_test import MOST_FIRINGS, BackTest, Firing, SimulateAlert, Suggestion, SuggestThreshold
from application.prices.price_history import ReadPriceHistory
from domain.alerts.condition import PriceThreshold
from domain.window import Window
from entrypoints.http.route_declarations import Injected, Place
from entrypoints.web.alerts.alert_form import Draft
from entrypoints.web.alerts.words import exact, value
from entrypoints.web.charts.chart import Chart, draw
from entrypoints.web.charts.episodes import Episode, EpisodeMarks, draw_episodes
from entrypoints.web.charts.segments import in_days_of, series
from entrypoints.web.formats import NONE, Formats
from entrypoints.web.sentences import chart_summary, stretches_sentence

FIRINGS_SHOWN, FIRINGS_OPEN = 50, 10
"""Firings in the table, and those that are not folded away."""


@dataclass(frozen=True, slots=True)
class FiringLine:
    """A line of the table of firings."""

    at: str
    resolved: str
    value: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A back-test as the page shows it."""

    chart: Chart
    threshold: float | None
    told: EpisodeMarks
    suppressed: EpisodeMarks
    summary: str
    sentences: list[str]
    firings: list[FiringLine]
    more: int
    """Firings that are not in the table."""
    suggested: int | None


@dataclass(frozen=True, slots=True)
class BackTests:
    """Trials by back-tests. All reads of a trial share one place, as each read of the past holds a connection."""

    simulate: SimulateAlert
    suggest: SuggestThreshold
    read_price_history: ReadPriceHistory
    costly: Place

    async def of(
        self, product_id: UUID, draft: Draft, days: int, formats: Formats, per_week: Decimal | None = None
    ) -> Trial:
        """Try the rule over the last days. `per_week` replaces its threshold by the one that fires closest to so often.

        Raises:
            ProductNotFound, QueueFull
        """
        window = Window(formats.now - timedelta(days=days), formats.now)
        suggestion = None
        async with self.costly:
            if per_week is not None and isinstance(draft.when, PriceThreshold):
                suggestion = await self.suggest(product_id, per_week, window, draft.when.kind)
                draft = replace(draft, when=suggestion.when or draft.when)
            found = await self.simulate(product_id, draft.when, draft.hold, draft.cooldown, window)
            history, zone = await in_days_of(formats.viewer.zone, self.read_price_history, product_id, window)
        best = series(history)[0] if history.series else []
        threshold = draft.when.price if isinstance(draft.when, PriceThreshold) else None
        chart = draw(history.window, best, [], formats, shown_too=threshold)
        episodes = [_episode(each, found.simulated.end) for each in found.firings]
        summary = chart_summary(best, formats) if best else "Prices of this time are no longer kept."
        sentences = [*_suggested(suggestion, formats), *_verdict(found, window, formats)]
        return Trial(
            chart=chart,
            threshold=None if threshold is None or not chart.prices else chart.scale.y(threshold),
            told=draw_episodes(episodes, chart.scale.x, suppressed=False),
            suppressed=draw_episodes(episodes, chart.scale.x, suppressed=True),
            summary=" ".join([summary, stretches_sentence(history.interval, zone, formats.viewer.zone)]).strip(),
            sentences=sentences,
            firings=[_line(each, formats) for each in found.firings[::-1][:FIRINGS_SHOWN]],
            more=max(0, len(found.firings) - FIRINGS_SHOWN),
            suggested=suggestion.when.price if suggestion and suggestion.when else None,
        )


def provide_back_tests(
    simulate_alert: Injected[SimulateAlert],
    suggest_threshold: Injected[SuggestThreshold],
    read_price_history: Injected[ReadPriceHistory],
    costly: Injected[Place],
) -> BackTests:
    """Give a request its back-tests."""
    return BackTests(simulate_alert, suggest_threshold, read_price_history, costly)


def _verdict(found: BackTest, asked: Window, formats: Formats) -> Iterator[str]:
    """Say how often the alert would have fired, and how much of the time is known."""
    length = exact(found.simulated.end - found.simulated.start)
    told = sum(not each.suppressed for each in found.firings)
    silent = len(found.firings) - told
    if found.per_week is None:
        yield "It cannot be tried over this time: too few prices are kept. Take a shorter time or period."
        return
    if found.truncated and len(found.firings) == MOST_FIRINGS:
        most = formats.number(MOST_FIRINGS)
        yield f"It would have fired more than {most} times in {length}: only the last of these are shown."
    elif not found.firings:
        yield f"It would not have fired in {length}."
    else:
        suppressed = f", and {_times(silent, formats)} more in silence, during its cooldown" if silent else ""
        yield f"It would have fired {_times(told, formats)} in {length}{suppressed}."
    if told:
        yield f"That is {formats.decimal(found.per_week)} a week."
    if found.simulated != asked:
        start, end = (formats.moment(at) for at in (found.simulated.start, found.simulated.end))
        yield f"Only the time from {start} to {end} was tried: the rest is no longer kept, or has too many prices."
    known = formats.share(found.coverage, less="less than ", more="more than ")
    yield f"The price is known for {known} of the time that was asked for."
    if found.unknown_share:
        unknown = formats.share(found.unknown_share, less="less than ", more="more than ")
        yield f"For {unknown} of the tried time it is unknown: then the alert neither fires nor resolves."


def _times(count: int, formats: Formats) -> str:
    return "once" if count == 1 else f"{formats.number(count)} times"


def _suggested(suggestion: Suggestion | None, formats: Formats) -> Iterator[str]:
    if suggestion is None:
        return
    if suggestion.when is None:
        yield "No threshold can be suggested: no price is known of this time."
        return
    price, a_week = formats.number(suggestion.when.price), formats.decimal(suggestion.back_test.per_week)
    yield f"With a threshold of {price} alone it would have fired {a_week} times a week; none comes closer."


def _episode(firing: Firing, end: datetime) -> Episode:
    resolved = firing.resolved_at is not None
    return Episode(firing.at, firing.resolved_at or end, resolved, firing.suppressed)


def _line(firing: Firing, formats: Formats) -> FiringLine:
    return FiringLine(
        at=formats.moment(firing.at),
        resolved=NONE if firing.resolved_at is None else formats.moment(firing.resolved_at),
        value=value(firing.value, formats),
        told="suppressed" if firing.suppressed else "told",
    )

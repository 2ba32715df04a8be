"""The sentences of the page. Each comes from observations, and says how sure it is."""

from collections.abc import Iterator
from datetime import timedelta, tzinfo

from application.catalogue.views import ProductDetailView
from application.prices.views import PriceStatisticsView
from domain.prices.price import PriceState
from domain.product import RegistrationState
from entrypoints.web.charts.segments import Segment
from entrypoints.web.formats import Formats

LEAST_KNOWN = timedelta(days=7)
"""A price that is known for less is not judged (docs/price-history.md)."""

SOLD_OUT_SHOWN = timedelta(days=1)


def is_judged(statistics: PriceStatisticsView) -> bool:
    """Return whether enough is known to compare the price with."""
    return _known(statistics) >= LEAST_KNOWN


def _known(statistics: PriceStatisticsView) -> timedelta:
    return (statistics.window.end - statistics.window.start) * (statistics.coverage or 0)


def price_sentence(product: ProductDetailView, statistics: PriceStatisticsView, formats: Formats) -> str:
    """Judge the present price in a sentence, or say why there is none."""
    if product.registration.state is not RegistrationState.REGISTERED:
        return _REGISTRATION[product.registration.state]
    if product.observed_at is None:
        return "Not observed yet. The first prices come within a minute or two."
    if product.stale:
        return f"Not observed for {formats.length(formats.now - product.observed_at)}; this was the last price."
    if product.best_offer is None:
        return _nobody(product, formats)
    return _worth(statistics, formats)


def _nobody(product: ProductDetailView, formats: Formats) -> str:
    """Say since when; offers that sold out are shown for a day."""
    if product.offers:
        return f"Nobody has had it since {formats.since(max(offer.changed_at for offer in product.offers))}."
    if product.created_at < formats.now - SOLD_OUT_SHOWN:
        return "Nobody has had it for more than a day."
    return "Nobody has it in stock now."


def sellers_sentence(product: ProductDetailView) -> str:
    """Say how many sellers have the product."""
    if product.offers_in_stock == 0 or product.stale:
        return ""
    if product.offers_in_stock == 1:
        return "One seller has it."
    return f"{product.offers_in_stock} sellers have it."


def _worth(statistics: PriceStatisticsView, formats: Formats) -> str:
    window = statistics.window
    days = f"the last {(window.end - window.start).days} days"
    known = _known(statistics)
    if statistics.percentile is None or statistics.min is None or statistics.max is None or known < LEAST_KNOWN:
        seen = formats.length(known) if known else "a few minutes"
        return f"Seen for {seen} only, too short to judge."
    if statistics.min.price == statistics.max.price:
        return f"The price did not move in {days}."
    if statistics.current == statistics.min.price:
        return f"The lowest price of {days}."
    if statistics.current == statistics.max.price:
        return f"The highest price of {days}."
    return f"Lower than {formats.share(statistics.percentile, less='less than ', more='more than ')} of {days}."


def chart_summary(segments: list[Segment], formats: Formats) -> str:
    """Describe the chart in one sentence."""
    prices = [price for each in segments for price in (each.low, each.high) if price is not None]
    start, end = segments[0].start, segments[-1].end
    span = f"From {formats.moment(start)} to {formats.moment(end)}"
    if not prices:
        states = {each.state for each in segments}
        if states == {PriceState.OUT_OF_STOCK}:
            return f"{span} the product was out of stock."
        return f"{span} no price is known."
    first, last = (next(each.price for each in part if each.price is not None) for part in (segments, segments[::-1]))
    moved = f"The price went from {formats.number(first)} to {formats.number(last)}"
    rest = "".join(_without_price(segments, formats))
    return (
        f"{span}. {moved}, between {formats.number(min(prices))} and {formats.number(max(prices))}.{rest}"
        if min(prices) != max(prices)
        else f"{span} the price was {formats.number(first)}.{rest}"
    )


def stretches_sentence(interval: str, zone: tzinfo, viewer_zone: tzinfo) -> str:
    """Name the length of the chart's stretches, and their time zone if it is not the viewer's."""
    length = _LENGTHS.get(interval)
    if length is None:
        return ""
    foreign = f" So far back, it is the {length}s of {zone} and not of {viewer_zone}." if zone != viewer_zone else ""
    return f"Summed up by the {length}.{foreign}"


def _without_price(segments: list[Segment], formats: Formats) -> Iterator[str]:
    """Say why some of the time has no price."""
    first = next(place for place, each in enumerate(segments) if each.state is not PriceState.UNKNOWN)
    if first:
        yield f" Nothing is known from before {segments[first].moment(formats)}."
    whole = segments[-1].end - segments[0].start
    for state, words in (
        (PriceState.OUT_OF_STOCK, "it was out of stock"),
        (PriceState.UNKNOWN, "it was not observed"),
    ):
        lengths = (each.end - each.start for each in segments[first:] if each.state is state)
        if share := sum(lengths, timedelta()) / whole:
            yield f" For {formats.share(share, less='less than ', more='more than ')} of the time {words}."


_LENGTHS = {"1h": "hour", "1d": "day", "1w": "week", "1mo": "month"}
_REGISTRATION = {
    RegistrationState.PENDING: "Waits for its registration with the Offers service. Prices follow it.",
    RegistrationState.REJECTED: "The Offers service refused this product, so it has no prices.",
    RegistrationState.CONFLICT: "The Offers service has another product under this id, so it has no prices.",
}

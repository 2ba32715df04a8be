"""One product for people: its price, what that is worth, how it came about, and who offers it."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, get
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from application.catalogue.views import ProductDetailView
from application.prices.price_change import ComparePrices, FindPriorPrice
from application.prices.price_history import ReadOfferPriceHistory, ReadPriceHistory, in_finest_interval
from application.prices.price_statistics import SummarisePrices
from application.prices.views import PriorPriceView
from domain.prices.change import Reason
from domain.prices.history import Extreme
from domain.prices.statistics import JUDGED_WINDOW
from domain.window import Window
from entrypoints.http.conditional_reads import digest_tag
from entrypoints.http.products.catalogue import Catalogue
from entrypoints.http.route_declarations import PUBLIC, Injected, Place
from entrypoints.web.charts.chart import MOST_OFFERS, draw
from entrypoints.web.charts.segments import Segment, in_days_of, series
from entrypoints.web.formats import Formats
from entrypoints.web.pages import Pages, not_modified, page_headers
from entrypoints.web.sentences import (
    chart_summary,
    is_judged,
    price_sentence,
    sellers_sentence,
    stretches_sentence,
)

RANGES = {
    "1h": ("1 h", timedelta(hours=1)),
    "24h": ("24 h", timedelta(days=1)),
    "7d": ("7 d", timedelta(days=7)),
    "30d": ("30 d", timedelta(days=30)),
    "90d": ("90 d", timedelta(days=90)),
    "all": ("all", None),
}
DEFAULT_RANGE, YOUNG_RANGES = "7d", ("1h", "24h")
"""The range that is shown first, and those for products that are younger than it."""
COMPARED = timedelta(days=1)
OFFERS_KEPT = timedelta(days=7)
"""Single offers are drawn in windows of at most this length, for which their prices are kept."""
CHANGES_SHOWN, CHANGES_OPEN = 50, 10
"""Changes in the table, and those that are not folded away."""

_DETAIL = msgspec.json.Decoder(ProductDetailView)


@dataclass(frozen=True, slots=True)
class Tile:
    """A number with its name; `note` says when, or how sure it is."""

    name: str
    value: str
    note: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """A line of the table of changes."""

    at: str
    before: str
    after: str


class ProductController(Controller):
    """The page of one product."""

    path = "/catalogue"
    include_in_schema = False
    opt = PUBLIC

    @get("/{product_id:uuid}")
    async def show(
        self,
        request: Request[Any, Any, Any],
        product_id: FromPath[UUID],
        catalogue: Injected[Catalogue],
        read_price_history: Injected[ReadPriceHistory],
        read_offer_price_history: Injected[ReadOfferPriceHistory],
        summarise_prices: Injected[SummarisePrices],
        compare_prices: Injected[ComparePrices],
        find_prior_price: Injected[FindPriorPrice],
        costly: Injected[Place],
        pages: Injected[Pages],
    ) -> ASGIResponse:
        """Show the product, or 204 to a page that has shown this version already."""
        formats = pages.formats(request)
        found = await catalogue.reader.detail(product_id, sold_out_too=True)
        # The version changes with an observation, but the ages on the page are right for the minute only.
        version = digest_tag(repr((found.version, formats.minute)).encode()).strip('"')
        if request.query_params.get("seen") == version:
            return ASGIResponse(status_code=204, headers={"Cache-Control": "no-store"})
        tag, unchanged = pages.unchanged(request, formats, version)
        if unchanged:
            return not_modified(tag)
        product = _DETAIL.decode(found.json)
        chosen = _range(request, product, formats.now)
        window, viewer_zone = _window(chosen, product, formats.now), formats.viewer.zone
        with_offers = request.query_params.get("offers") == "1" and window.end - window.start <= OFFERS_KEPT
        # One after the other: a place among the costly reads is one connection.
        async with costly:
            kept = await read_price_history.retention()
            history, zone = await in_days_of(viewer_zone, read_price_history, product_id, window, kept)
            offers = (
                await in_finest_interval(read_offer_price_history, product_id, window, viewer_zone, kept)
                if with_offers
                else None
            )
            statistics = await summarise_prices(product_id, Window(formats.now - JUDGED_WINDOW, formats.now), kept)
            prior = await find_prior_price(product_id, formats.now, JUDGED_WINDOW.days, kept)
            change = await compare_prices(product_id, Window(formats.now - COMPARED, formats.now), kept)
        best = series(history)[0] if history.series else []
        # What is known for too short a time to judge by is no yardstick in the chart either.
        judged = is_judged(statistics)
        quartiles = (statistics.p25, statistics.p75)
        chart = draw(
            history.window,
            best,
            series(offers)[:MOST_OFFERS] if offers and offers.series else [],
            formats,
            band=None if not judged or quartiles[0] is None or quartiles[1] is None else (quartiles[0], quartiles[1]),
            average=None if not judged or statistics.average is None else float(statistics.average),
        )
        compared = formats.change(change.before.price, change.after.price)
        tiles = [
            _extreme("30-day low", statistics.min, formats),
            _prior(prior, formats),
            Tile("average", formats.number(statistics.average), "over 30 days, by time"),
            _extreme("30-day high", statistics.max, formats),
            Tile("in 24 h", f"{compared.glyph} {compared.text}", "", compared.kind)
            if compared
            else Tile("in 24 h", formats.number(None), "no price to compare with"),
            Tile("out of stock", formats.share(statistics.out_of_stock_share), "of the known time"),
            Tile("known", formats.share(statistics.coverage), "of the last 30 days"),
        ]
        return pages.show(
            request,
            "product.html",
            formats,
            tag=tag,
            product=product,
            version=version,
            sentence=price_sentence(product, statistics, formats),
            sellers=sellers_sentence(product),
            tiles=tiles,
            ranges=RANGES,
            chosen=chosen,
            with_offers=with_offers,
            offers_possible=window.end - window.start <= OFFERS_KEPT,
            chart=chart,
            summary=chart_summary(best, formats) if best else "Prices of this time are no longer kept.",
            moved=_moved(best, formats),
            moved_open=CHANGES_OPEN,
            stretches=stretches_sentence(history.interval, zone, viewer_zone),
            bucketed=history.interval != "raw",
            path=f"/catalogue/{product_id}",
            steps=_steps_path(product_id, window) if statistics.reason is None else None,
            tz=pages.zone_of_link(request),
        )

    @get("/{product_id:uuid}/changes.csv")
    async def changes(
        self,
        request: Request[Any, Any, Any],
        product_id: FromPath[UUID],
        catalogue: Injected[Catalogue],
        read_price_history: Injected[ReadPriceHistory],
        costly: Injected[Place],
        pages: Injected[Pages],
    ) -> ASGIResponse:
        """Give the prices of the chosen range as CSV (RFC 4180), with times in UTC.

        The range ends with the last full minute, so that the file is the same for a minute.
        """
        found = await catalogue.reader.detail(product_id)
        formats = pages.formats(request)
        tag, unchanged = pages.unchanged(request, formats, found.version)
        if unchanged:
            return not_modified(tag)
        product = _DETAIL.decode(found.json)
        chosen = _range(request, product, formats.now)
        async with costly:
            window = _window(chosen, product, formats.minute)
            history, _ = await in_days_of(formats.viewer.zone, read_price_history, product_id, window)
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow(["from", "to", "state", "price", "lowest", "highest"])
        for each in series(history)[0] if history.series else []:
            times = (f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for at in (each.start, each.end))
            writer.writerow([*times, each.state.value, each.price, each.low, each.high])
        headers = page_headers(tag) | {
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="prices-{product_id}-{chosen}.csv"',
        }
        return ASGIResponse(body=file.getvalue().encode(), headers=headers)


def _range(request: Request[Any, Any, Any], product: ProductDetailView, now: datetime) -> str:
    chosen: str = request.query_params.get("range", "")
    if chosen in RANGES:
        return chosen
    # A week of a product that is a few minutes old would be an empty chart.
    known = now - _first_seen(product)
    return next((name for name in YOUNG_RANGES if known < (RANGES[name][1] or known)), DEFAULT_RANGE)


def _first_seen(product: ProductDetailView) -> datetime:
    # Offers may have been seen before the product was created here, where a past was filled in.
    return min([product.created_at, *(offer.first_seen_at for offer in product.offers)])


def _window(chosen: str, product: ProductDetailView, now: datetime) -> Window:
    length = RANGES[chosen][1]
    if length is not None:
        return Window(now - length, now)
    return Window(min(_first_seen(product), now - timedelta(hours=1)), now)


def _steps_path(product_id: UUID, window: Window) -> str | None:
    """Return the path of every step of a window as CSV; None where it is longer than steps are known to be kept."""
    if window.end - window.start > JUDGED_WINDOW:
        return None
    start, end = (f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for at in (window.start, window.end))
    return f"/exports/price-history.csv?id={product_id}&from={start}&to={end}"


def _extreme(name: str, extreme: Extreme | None, formats: Formats) -> Tile:
    if extreme is None:
        return Tile(name, formats.number(None))
    return Tile(name, formats.number(extreme.price), f"since {formats.moment(extreme.at)}")


def _prior(prior: PriorPriceView, formats: Formats) -> Tile:
    """Show the lowest price that a reduction made now would be compared with."""
    shorter = prior.reason is Reason.SHORTER_HISTORY
    since = f"since {formats.moment(prior.reached_at)}" if prior.reached_at else ""
    note = f"{since}; known for less than 30 days" if shorter else since
    return Tile("lowest of the 30 days before", formats.number(prior.price), note)


def _moved(best: Sequence[Segment], formats: Formats) -> list[Moved]:
    """Return the newest changes first."""
    lines = []
    for before, after in pairwise(best):
        if (before.state, before.price) != (after.state, after.price):
            lines.append(Moved(after.moment(formats), _price(before, formats), _price(after, formats)))
    return lines[::-1][:CHANGES_SHOWN]


def _price(segment: Segment, formats: Formats) -> str:
    return segment.state.value.replace("_", " ") if segment.price is None else formats.number(segment.price)

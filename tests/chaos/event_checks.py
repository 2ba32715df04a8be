"""What must hold of the event log at the end: all that was acknowledged is there once, in order, and reached all."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from application.events.event_log import Position
from chaos.catalogue import AMENDED, CREATED, WITHDRAWN, Catalogue, Change, Entry
from chaos.deployment import Deployment
from chaos.event_consumers import Listener, Puller
from chaos.event_forms import TYPES, Data, PriceChanged, Texts, read_event
from chaos.record import Record

_LOG = "SELECT generation, transaction, number FROM event WHERE type = ANY(%s) ORDER BY 1, 2, 3"
_BEST_PRICES = """
    SELECT product_id, best_price, extract(epoch FROM best_price_since)::float8 FROM synchronisation
    WHERE known_until > observed_at
"""
_STEPS = """
    SELECT product_id, price, extract(epoch FROM valid_from)::float8 FROM best_price_step WHERE state <> 'unknown'
    UNION ALL SELECT product_id, best_price, extract(epoch FROM best_price_since)::float8 FROM synchronisation
    WHERE observed_at IS NOT NULL
"""

Best = tuple[int | None, float]
"""A best price and since when it is that."""


@dataclass
class Told:
    """What the log tells of one product, in its order."""

    changes: list[tuple[Change, Data]] = field(default_factory=list)
    prices: list[PriceChanged] = field(default_factory=list)


def logged(deployment: Deployment) -> list[Position]:
    """Return the position of every event in the log."""
    return [Position(*row) for row in deployment.system.query(_LOG, list(TYPES))]


def check_events(
    deployment: Deployment, catalogue: Catalogue, puller: Puller, listener: Listener, record: Record
) -> None:
    """All reached its consumers, and tells what was acknowledged and recorded; the workers are stopped before."""
    log = logged(deployment)
    record.count("events", len(log))
    check_seen(log, puller.seen.events, "pull", record)
    since = [position for position in log if listener.start is None or position > listener.start]
    record.count("events streamed", len(since))
    check_seen(since, listener.seen.events, "stream", record)
    differ = [
        position for position, json in listener.seen.events.items() if puller.seen.events.get(position, json) != json
    ]
    if differ:
        record.violate("an event is the same for all", f"{len(differ)}, first {differ[0]}")
    told = read_log((puller.seen.events[position] for position in log if position in puller.seen.events), record)
    for entry in catalogue.entries.values():
        check_changes(entry, told[entry.id], record)
    for product_id in told.keys() - catalogue.entries.keys():
        record.violate("events are of what was done", f"nobody created {product_id}")
    for product_id, each in told.items():
        check_chain(product_id, each.prices, record)
    recorded: defaultdict[UUID, set[Best]] = defaultdict(set)
    for product_id, price, begin in deployment.system.query(_STEPS):
        recorded[product_id].add((price, begin))
    now = {product_id: (price, since) for product_id, price, since in deployment.system.query(_BEST_PRICES)}
    check_prices(told, recorded, now, record)


def check_seen(log: list[Position], seen: Mapping[Position, str], consumer: str, record: Record) -> None:
    """A consumer has seen each event of the log, nothing else, and in the same order."""
    if missed := [position for position in log if position not in seen]:
        record.violate("a consumer misses no event", f"{consumer}: {len(missed)} of {len(log)}, first {missed[0]}")
    if strange := seen.keys() - set(log):
        record.violate("what was told stays in the log", f"{consumer}: {len(strange)}, first {min(strange)}")
    if list(seen) != sorted(seen):
        record.violate("a consumer sees the order of the log", consumer)


def read_log(events: Iterable[str], record: Record) -> defaultdict[UUID, Told]:
    """Read events in the order of the log; one that has not the documented form is a violation."""
    told: defaultdict[UUID, Told] = defaultdict(Told)
    for json in events:
        try:
            event, data = read_event(json)
        except ValueError as error:
            record.violate("events have the documented form", f"{error}: {json}")
            continue
        record.count(f"event: {event.type}")
        product = told[event.subject]
        if isinstance(data, PriceChanged):
            product.prices.append(data)
        elif event.type in (CREATED, AMENDED, WITHDRAWN):
            product.changes.append(((event.type, data.revision if isinstance(data, Texts) else None), data))
    return told


def check_changes(entry: Entry, told: Told, record: Record) -> None:
    """Every acknowledged change is in the log once, none that nobody made, and all in their order."""
    changes = Counter(change for change, _ in told.changes)
    for change in entry.acknowledged:
        if changes[change] != 1:
            record.violate("what was acknowledged is in the log once", f"{entry.id} {change}: {changes[change]} times")
    record.count("acknowledged changes in the log", len(entry.acknowledged))
    for kind in (CREATED, AMENDED, WITHDRAWN):
        sure = sum(event == kind for event, _ in entry.acknowledged)
        found = sum(event == kind for (event, _), _ in told.changes)
        if found > sure + entry.doubted[kind]:
            record.violate("events are of what was done", f"{entry.id} {kind}: {found} times, done {sure}")
    ranks = [((CREATED, AMENDED, WITHDRAWN).index(kind), revision or 0) for (kind, revision), _ in told.changes]
    if ranks != sorted(set(ranks)) or (ranks and ranks[0][0] != 0):
        record.violate("a product's events are in order", f"{entry.id}: {[change for change, _ in told.changes]}")
    last = told.changes[-1][1] if told.changes else None
    text = (last.name, last.description) if isinstance(last, Texts) else None
    if text != entry.text:
        record.violate("the log tells what is", f"{entry.id} is {entry.text}, last told {text}")


def check_chain(product_id: UUID, prices: list[PriceChanged], record: Record) -> None:
    """Each change begins at the price that the one before has ended at, and ends at another."""
    before: tuple[int | None, str] | None = None
    for each in prices:
        previous = each.previous and (each.previous.price, each.previous.state)
        current = each.current.price, each.current.state
        if previous != before or previous == current:
            record.violate("price changes follow each other", f"{product_id}: {before}, then {previous} to {current}")
        before = current


def check_prices(
    told: Mapping[UUID, Told], recorded: Mapping[UUID, set[Best]], now: Mapping[UUID, Best], record: Record
) -> None:
    """Each change of a price is a recorded step, and the last one is the best price now, where that is known."""
    for product_id, each in told.items():
        if any(event == WITHDRAWN for (event, _), _ in each.changes):
            continue  # its history is purged
        steps = {(change.current.price, change.current.since.timestamp()) for change in each.prices}
        record.count("price changes in the history", len(steps))
        if lost := steps - recorded.get(product_id, set()):
            story = f"{product_id}: {sorted(lost, key=lambda step: step[1])}"
            record.violate("price changes are recorded steps", story)
    for product_id, (price, since) in now.items():
        prices = told[product_id].prices if product_id in told else []
        last = prices[-1].current.price if prices else "none"
        if last != price:
            record.violate("the last change is the price now", f"{product_id} {price} since {since}, last told {last}")

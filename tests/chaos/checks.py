"""What must hold at the end, read from the database, the simulator and the metrics; the workers are stopped before."""

import json
import time
from collections import defaultdict
from uuid import UUID

import httpx

from chaos.catalogue import Catalogue
from chaos.deployment import REFRESH_INTERVAL, Deployment
from chaos.offer_versions import FOREIGN, REJECTED, UNIT, ScriptedOffers, Shelf, in_stock
from chaos.record import Record
from chaos.secrets_kept import Secrets
from domain.prices.price import KNOWN_FOR_INTERVALS
from e2e.ledger import assert_sound

SECONDS_TO_SWEEP = 60.0
ROWS_WITH_TEXT = (
    *("product", "synchronisation", "saq.saq_jobs", "saq.saq_stats"),
    *("webhook", "webhook_waiting", "webhook_delivery"),
)
_STEPS = """
    SELECT product_id, state, price, extract(epoch FROM valid_from)::float8
    FROM best_price_step ORDER BY product_id, valid_from
"""
_INTERVALS = """
    SELECT product_id, offer_id::text, price, extract(epoch FROM valid_from)::float8
    FROM offer_interval ORDER BY product_id, valid_from
"""
_LEASES = "SELECT count(*) FROM synchronisation WHERE lease_until > now()"
_DAY = 86_400.0


def check_simulator(deployment: Deployment, catalogue: Catalogue, market: ScriptedOffers, record: Record) -> None:
    """Every product is registered in this life of the simulator, once, or once more after each time it forgot."""
    products = deployment.system.simulator.state()["products"]
    for entry in catalogue.entries.values():
        if entry.text is None or REJECTED in entry.text[0] or FOREIGN in entry.text[0]:
            continue
        times = products.get(str(entry.id), {}).get("registrations", 0)
        if not 1 <= times <= 1 + market.forgotten:
            record.violate("registered once", f"{entry.id} {times} times, all were forgotten {market.forgotten} times")


def check_database(deployment: Deployment, market: ScriptedOffers, record: Record) -> None:
    """Nothing is half written, held or stuck, and history has only versions that were told, in their order."""
    try:
        assert_sound(deployment.system)
    except AssertionError as error:
        record.violate("the ledger is sound", str(error)[:500])
    if leases := deployment.system.number(_LEASES):
        record.violate("no lease is left", f"{leases} of stopped workers")
    for key, status, job in deployment.system.query("SELECT key, status, job FROM saq.saq_jobs"):
        told = json.loads(job)
        began = (told.get("started") or 0) / 1000
        # That of a killed worker is swept when its own time is over.
        if status == "active" and began < time.time() - told["timeout"] - SECONDS_TO_SWEEP:
            record.violate("no job is stuck", f"{key} began {time.time() - began:.0f} s ago")
    check_steps(deployment, market, record)
    check_intervals(deployment, market, record)


def check_steps(deployment: Deployment, market: ScriptedOffers, record: Record) -> None:
    """Every step is the best price of a version, versions ascend, and nothing is unknown before its time."""
    last: dict[UUID, tuple[int, float, str]] = {}
    for product_id, state, price, begin in deployment.system.query(_STEPS):
        record.count("history steps")
        shelf = market.shelves[product_id]
        version, before, state_before = last.get(product_id, (0, 0.0, ""))
        at_midnight = begin % _DAY == 0 or before % _DAY == 0
        begins_unknown = state == "unknown" and state_before != "unknown" and not at_midnight
        # Where rows were refused, the best offer may be one that was last confirmed long before it became the best.
        sure = not market.doubtful(shelf, begin)
        if begins_unknown and sure and begin - before < KNOWN_FOR_INTERVALS * REFRESH_INTERVAL - 0.001:
            record.violate("no invented gap", f"{product_id} unknown {begin - before:.3f} s after {before}")
        if state == "in_stock" and sure:
            now = price // UNIT
            best = min((offer[1] for offer in in_stock(product_id, now)), default=None)
            if best != price or not version <= now <= shelf.told:
                record.violate("history is of versions told, in order", f"{product_id} {price} after {version}")
            version = now
        last[product_id] = version, begin, state


def check_intervals(deployment: Deployment, market: ScriptedOffers, record: Record) -> None:
    """Every interval of an offer is of a version that had it, and the versions ascend."""
    last: defaultdict[tuple[UUID, str], int] = defaultdict(int)
    for product_id, offer_id, price, begin in deployment.system.query(_INTERVALS):
        record.count("history intervals")
        if price is None:
            # Its rows were refused for three intervals: the offer was unknown.
            continue
        shelf, version = market.shelves[product_id], price // UNIT
        if market.doubtful(shelf, begin):
            continue
        if not _told(shelf, offer_id, price) or version < last[product_id, offer_id]:
            before = last[product_id, offer_id]
            record.violate("history is of versions told, in order", f"{product_id} {offer_id} {price} after {before}")
        last[product_id, offer_id] = version


def _told(shelf: Shelf, offer_id: str, price: int) -> bool:
    version = price // UNIT
    return version <= shelf.told and (offer_id, price, version) in in_stock(shelf.product_id, version)


def check_secrets(deployment: Deployment, kept: Secrets) -> None:
    """No secret is in a log or in a row."""
    kept.look_into_files(deployment.folder)
    for table in ROWS_WITH_TEXT:
        for (row,) in deployment.system.query(f"SELECT {table.split('.')[-1]}::text FROM {table}"):
            kept.look_into(row, f"a row of {table}")
    for key, job in deployment.system.query("SELECT key, job FROM saq.saq_jobs"):
        kept.look_into(bytes(job).decode(errors="replace"), f"job {key}")


def check_metrics(deployment: Deployment, kept: Secrets, record: Record) -> None:
    """No secret is in what a process tells about itself; a process need not answer."""
    for name, port in deployment.metrics_ports.items():
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=5)
        except httpx.TransportError:
            record.count(f"metrics: {name} unanswered")
        else:
            record.count(f"metrics: {name} {answer.status_code}")
            kept.look_into(answer.text, f"the metrics of {name}")

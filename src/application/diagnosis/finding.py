"""A finding: a problem, its effect and its remedy."""

from dataclasses import dataclass
from enum import StrEnum

CHECKED = "database, standby, schema, partitions, queue, workers, products, token, Offers service, clocks, webhooks"
"""The parts that a diagnosis checks."""


class Severity(StrEnum):
    """How bad a finding is."""

    WARNING = "warning"
    """The service works, but not as it should, or not for long."""
    BROKEN = "broken"
    """A part of the service does not work."""


class Check(StrEnum):
    """The part of the system that a finding is about."""

    SETTINGS = "settings"
    DATABASE = "database"
    STANDBY = "standby"
    SCHEMA = "schema"
    PARTITIONS = "partitions"
    QUEUE = "queue"
    WORKERS = "workers"
    PRODUCTS = "products"
    TOKEN = "token"  # noqa: S105 - the name of a check
    OFFERS_SERVICE = "offers service"
    CLOCK = "clock"
    WEBHOOKS = "webhooks"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; its texts are sentences, and hold no secret."""

    severity: Severity
    check: Check
    problem: str
    effect: str
    remedy: str


def warning(check: Check, problem: str, effect: str, remedy: str) -> Finding:
    """Return a finding of something that works, but badly."""
    return Finding(Severity.WARNING, check, problem, effect, remedy)


def broken(check: Check, problem: str, effect: str, remedy: str) -> Finding:
    """Return a finding of something that does not work."""
    return Finding(Severity.BROKEN, check, problem, effect, remedy)

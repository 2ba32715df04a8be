"""The event log's ports: appending in the transaction of the change, and reading in one order that skips nothing.

A position is a pair of the writing transaction and a number, below a generation that counts the clusters in which the
log has lived. A number is taken when an event is written, but the event appears when its transaction commits. So
readers see only events of transactions before which none is open any more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple, Protocol, Self
from uuid import UUID

from domain.event import Event, EventType

_CURSOR = re.compile(r"([0-9a-f]{1,4})-([0-9a-f]{1,16})-([0-9a-f]{1,16})")


class Position(NamedTuple):
    """A place in the log, at an event or between two. Positions compare in the order of the log."""

    generation: int
    transaction: int
    number: int

    @property
    def cursor(self) -> str:
        """The position as consumers know it; it is the id of the event that stands there."""
        return f"{self.generation:x}-{self.transaction:x}-{self.number:x}"

    @classmethod
    def parse(cls, cursor: str) -> Self:
        """Read a cursor.

        Raises:
            ValueError: it is none of ours.
        """
        found = _CURSOR.fullmatch(cursor)
        position = found and cls(*(int(part, 16) for part in found.groups()))
        if not position or position.cursor != cursor or max(position[1:]) >= 2**63 or position.generation >= 2**15:
            raise ValueError("not a cursor of the event log")
        return position


class EventsExpired(Exception):
    """Events behind the position are no longer kept, or the position is not of this log; `oldest` is the first one."""

    def __init__(self, oldest: Position) -> None:
        super().__init__("events behind the cursor are no longer kept")
        self.oldest = oldest


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event of the log; `json` is the CloudEvent that all consumers get, the same bytes each time."""

    position: Position
    type: EventType
    subject: UUID | None
    json: bytes


@dataclass(frozen=True, slots=True)
class EventFilter:
    """The events that a reader gets: of these types, and of these products if any are named."""

    types: frozenset[EventType]
    product_ids: frozenset[UUID] | None = None

    def passes(self, event: RecordedEvent) -> bool:
        """Return whether the event passes."""
        return event.type in self.types and (self.product_ids is None or event.subject in self.product_ids)


EVERYTHING = EventFilter(frozenset(EventType))


@dataclass(frozen=True, slots=True)
class EventPage:
    """The events that pass the filter in a stretch of the log.

    The log was searched up to `searched`. `caught_up` says that this was its end. `withheld` is how long the oldest
    event has been waiting for an open transaction to end, None if none waits.
    """

    events: Sequence[RecordedEvent]
    searched: Position
    caught_up: bool
    withheld: timedelta | None = None


class EventLog(Protocol):
    """The log's end. For use inside a unit of work only, so that the event and the change commit together."""

    async def append(self, *events: Event) -> None:
        """Append the events in their order."""


class EventReader(Protocol):
    """The log's readers.

    Raises:
        StorageUnavailable: in every call.
    """

    async def read(self, after: Position | None, wanted: EventFilter, limit: int) -> EventPage:
        """Return up to `limit` events behind a position, from the oldest kept one on if that is None.

        One call searches a bounded part of the log.

        Raises:
            EventsExpired
        """

    async def latest(self) -> Position:
        """Return the position behind all events that can be read now."""


class EventUpkeep(Protocol):
    """Upkeep of the log. Every call may be killed or repeated at any point.

    Raises:
        StorageUnavailable: in every call.
    """

    async def prepare(self) -> None:
        """Make room for the events of the next weeks; begin a generation if the log was moved to another cluster."""

    async def drop_expired(self) -> int:
        """Drop the days of which no event is kept any more, and return how many."""

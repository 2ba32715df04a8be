"""The event log inside a unit of work in memory."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from adapters.postgres.events.cloud_event import encode_event
from application.events.event_log import Position, RecordedEvent
from domain.event import Event


class InMemoryEventLog:
    """Events in the order in which they were appended; each unit of work is a transaction."""

    def __init__(self, events: list[RecordedEvent], reach: Callable[[], None]) -> None:
        self._events = events
        self._reach = reach
        self._transaction = 1 + (events[-1].position.transaction if events else 0)

    async def append(self, *events: Event) -> None:
        self._reach()
        for each in events:
            position = Position(1, self._transaction, len(self._events) + 1)
            json = encode_event(position, each.type, each.subject, each.time, msgspec.json.encode(each.data))
            self._events.append(RecordedEvent(position, each.type, each.subject, json))


class _Reachable(Protocol):
    def reach(self) -> None: ...


class InMemoryEventUpkeep:
    """The log kept in memory needs no room, and is never dropped."""

    def __init__(self, storage: _Reachable) -> None:
        self._storage = storage

    async def prepare(self) -> None:
        self._storage.reach()

    async def drop_expired(self) -> int:
        self._storage.reach()
        return 0

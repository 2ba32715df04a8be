"""Events in the form of CloudEvents 1.0 in JSON, the same for all consumers."""

from datetime import datetime
from uuid import UUID

import msgspec

from application.events.event_log import Position
from domain.event import EventType


class CloudEvent(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="specversion", tag="1.0"):
    """An event of the log.

    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
    """

    id: str
    source: str
    type: str
    time: datetime
    data: msgspec.Raw
    subject: UUID | None = None


def encode_event(position: Position, kind: EventType, subject: UUID | None, time: datetime, data: bytes) -> bytes:
    """Encode an event, whose data is JSON; the encoded form never changes."""
    return msgspec.json.encode(
        CloudEvent(
            id=position.cursor,
            source=kind.source,
            type=kind.value,
            time=time,
            data=msgspec.Raw(data),
            subject=subject,
        )
    )

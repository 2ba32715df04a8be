"""The headers by which a receiver knows who sent an event, and when (https://www.standardwebhooks.com)."""

from datetime import UTC

from standardwebhooks import Webhook

from application.webhooks.ports import Message


def signed_headers(message: Message) -> dict[str, str]:
    """Return the headers of a message: its id, the time of this attempt, and a signature for each secret."""
    # The library takes any time for one in UTC.
    at, body = message.at.astimezone(UTC), message.body.decode()
    signatures = (Webhook(secret).sign(message.event_id, at, body) for secret in message.secrets)
    return {
        "webhook-id": message.event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }

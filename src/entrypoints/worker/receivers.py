"""The making of the client for the receivers of webhooks."""

from adapters.outgoing_http.transport import pooled_transport
from adapters.webhooks.resolver import CheckedResolver
from adapters.webhooks.sender import HttpxWebhookSender
from entrypoints.configuration.settings import Settings
from entrypoints.limits import Limits


def make_sender(settings: Settings, limits: Limits) -> HttpxWebhookSender:
    """Make the sender, with as many connections as calls may be under way. OFFERS_PROXY is not for receivers."""
    policy, sending, at_once = settings.webhook_targets, limits.sending, limits.deliveries.calls
    transport = pooled_transport(
        connections=at_once,
        idle_seconds=sending.idle,
        head=sending.head,
        sent=sending.sent,
        ca_file=settings.offers_ca_file,
        make_resolver=lambda: CheckedResolver(policy, at_once),
    )
    return HttpxWebhookSender(transport, policy, sending)

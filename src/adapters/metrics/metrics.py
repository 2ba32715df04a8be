"""Prometheus metrics on a registry of the process's own; every label value is from a bounded set."""

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Info, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

from adapters.metrics.database_metrics import DatabaseMetrics
from adapters.metrics.http_metrics import HttpMetrics
from adapters.metrics.upstream_metrics import UpstreamMetrics
from adapters.metrics.webhook_metrics import WebhookMetrics
from adapters.metrics.work_metrics import WorkMetrics


class Metrics:
    """The instruments of one process. No method waits, queries the database or raises."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        Info("aggregator_build", "The version of the service that this process runs.", registry=registry).info(
            {"version": version("product-aggregator")}
        )
        self.http = HttpMetrics(registry)
        self.upstream = UpstreamMetrics(registry)
        self.database = DatabaseMetrics(registry)
        self.work = WorkMetrics(registry)
        self.webhooks = WebhookMetrics(registry)

    def working(self) -> None:
        """Show the series of a worker, which has done nothing yet."""
        self.work.working()
        self.webhooks.working()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in the form that an Accept header asks for, and its content type."""
        try:
            encode, content_type = choose_encoder(accept)
        except TypeError:  # a version that is no number
            encode, content_type = choose_encoder("")
        return encode(self.registry), content_type

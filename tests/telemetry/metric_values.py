"""Reading the counters of metrics."""

from adapters.metrics.metrics import Metrics


def series(metrics: Metrics, name: str = "aggregator_") -> list[tuple[dict[str, str], float]]:
    """Return labels and value of every series whose name starts like this."""
    found = [sample for metric in metrics.registry.collect() for sample in metric.samples]
    return [(sample.labels, sample.value) for sample in found if sample.name.startswith(name)]


def counted(metrics: Metrics, name: str, **labels: str) -> float:
    """Return the value of one series, 0 when there is none."""
    return metrics.registry.get_sample_value(name, labels) or 0

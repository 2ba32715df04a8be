"""The dashboard and the alert rules use metrics and labels that the processes show."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.metrics.inspection_metrics import InspectionMetrics
from adapters.metrics.metrics import Metrics

MONITORING = Path(__file__).parents[2] / "docker" / "monitoring"
OWN = re.compile(r"\b(?:aggregator|process|python)_[a-z0-9_]+")
SELECTED = re.compile(r"((?:aggregator|process|python)_[a-z0-9_]+)\{([^}]*)\}")
GROUPED = re.compile(r"\bby \(([^)]*)\)")
OF_PROMETHEUS = {"job", "instance", "le"}


def rules() -> Iterator[str]:
    for group in yaml.safe_load((MONITORING / "rules.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def dashboard() -> Iterator[str]:
    panels: list[dict[str, Any]] = json.loads((MONITORING / "grafana" / "dashboard.json").read_text())["panels"]
    for panel in panels:
        yield from (target["expr"] for target in panel.get("targets", []))


def shown() -> dict[str, set[str]]:
    """Return the labels of every series that a worker or an API can show, by its name."""
    metrics = Metrics()
    metrics.working()
    metrics.database.watch_standby(lambda: 0.0, lambda: True)
    InspectionMetrics(metrics.registry)
    instruments = metrics.registry._names_to_collectors
    labels = {name: set(getattr(instrument, "_labelnames", ())) for name, instrument in instruments.items()}
    # What the collector of the process shows is known only when it is asked.
    of_process = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    return {name: set[str]() for name in of_process} | labels


@pytest.mark.parametrize("source", [rules, dashboard])
def test_every_metric_and_label_exists(source: Any) -> None:
    known = shown()
    expressions = list(source())
    assert len(expressions) > 10
    for expression in expressions:
        used = set(OWN.findall(expression))
        assert used <= set(known), expression
        for name, selectors in SELECTED.findall(expression):
            labels = set(re.findall(r"(\w+)(?:=|!|~)", selectors))
            assert labels <= known[name] | OF_PROMETHEUS, expression
        grouped = {label.strip() for group in GROUPED.findall(expression) for label in group.split(",")}
        possible = OF_PROMETHEUS.union(*(known[name] for name in used))
        assert grouped <= possible, expression

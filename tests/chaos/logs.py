"""What the processes wrote: errors nobody should see, observations, and what PostgreSQL complained about."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from chaos.deployment import Deployment
from chaos.record import Record

ERRORS = ("error", "critical")
SWEPT = "Upkeep task failed unexpectedly"
SECONDS_AFTER_A_HOLD = 3.0
TRACEBACK = "Traceback (most recent call last)"


def read_logs(deployment: Deployment, record: Record) -> None:
    """Count events and observations; an error or a traceback while the database was there is a violation."""
    for log in sorted(deployment.folder.glob("*.log")):
        for line in log.read_text(errors="replace").splitlines():
            entry = _entry(line)
            if entry is None:
                if TRACEBACK in line:
                    record.violate("no traceback", f"{log.name}: outside of the log's lines")
            else:
                _judge(log, entry, deployment, record)
    for line in _lines(deployment.folder / "postgres" / "postgres.log"):
        if "deadlock detected" in line:
            record.violate("no deadlock", line)


def _judge(log: Path, entry: dict[str, Any], deployment: Deployment, record: Record) -> None:
    event, level = entry.get("event"), entry.get("level")
    if event == "batch":
        for outcome in ("observed", "registered", "forgotten", "superseded", "postponed", "failed"):
            record.count(f"outcome: {outcome}", entry.get(outcome, 0))
    if level == "warning":
        record.count(f"log: warning: {event}")
    if level in ERRORS or "exception" in entry:
        at = datetime.fromisoformat(entry["timestamp"]).timestamp()
        away = deployment.database_was_away(at, at)
        record.count(f"log: error while the database {'was away' if away else 'ran'}: {str(event)[:60]}")
        if not away and not (entry.get("logger") == "saq" and _of_saq(log, entry, at, deployment)):
            story = f"{log.name} at {at - record.began:.1f}: {event}: {str(entry.get('exception'))[-400:]}"
            record.violate("no error while the database runs", story)


def _of_saq(log: Path, entry: dict[str, Any], at: float, deployment: Deployment) -> bool:
    """Whether SAQ tells only what follows from a disturbance, and what its next look at the queue mends.

    A worker that was held finds its job too old. After a restart of the database two workers may sweep at once, and
    the second one misses the job that the first one has removed.
    """
    name = log.stem.partition("-")[2]
    held = deployment.parts[name].disturbed.touch(at - SECONDS_AFTER_A_HOLD, at)
    return held or (entry["event"] == SWEPT and "doesn't exist" in entry["exception"])


def _entry(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _lines(log: Path) -> Iterator[str]:
    with log.open(errors="replace") as lines:
        yield from lines

"""CPU time that answers take: it tells more than waiting does while others use the machine too."""

import os
import time
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.processes import cpu_seconds, family_cpu_seconds, machine_cpu_seconds


@dataclass(frozen=True)
class Cpu:
    """CPU time in milliseconds, and the share of all cores that others took, whatever they are."""

    api: float
    database: float
    others: float


Reading: TypeAlias = tuple[float, float, float, float]
"""CPU seconds of the API, of PostgreSQL and of all others, and the time."""


@dataclass(frozen=True)
class Asked:
    """Whom to ask, and whose CPU time to read."""

    base: str
    api: int
    postmaster: int

    def read(self) -> Reading:
        """Read what was taken so far."""
        known = cpu_seconds(self.api), family_cpu_seconds(self.postmaster)
        return *known, machine_cpu_seconds() - sum(known) - time.process_time(), time.monotonic()

    def taken_since(self, before: Reading, answers: int) -> Cpu:
        """Return what each of the answers since then took."""
        api, database, others, elapsed = (now - then for now, then in zip(self.read(), before, strict=True))
        return Cpu(api / answers * 1000, database / answers * 1000, others / elapsed / (os.cpu_count() or 1))

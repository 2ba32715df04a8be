"""The job queue and its signal kept in memory."""

from dataclasses import dataclass, field

from application.storage import StorageUnavailable
from application.synchronisation.scheduling import Job


@dataclass
class InMemoryJobQueue:
    """Jobs wait until a test takes them out."""

    jobs: list[Job] = field(default_factory=list)
    away: bool = False

    async def waiting(self) -> int:
        self._reach()
        return len(self.jobs)

    async def put(self, job: Job) -> None:
        self._reach()
        self.jobs.append(job)

    def _reach(self) -> None:
        if self.away:
            raise StorageUnavailable("switched off")


@dataclass
class CountingRegistrationSignal:
    """How often it was signalled that a registration is due."""

    signals: int = 0

    def __call__(self) -> None:
        self.signals += 1

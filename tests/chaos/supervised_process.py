"""One process of the deployment: started, disturbed and started again, its every end judged."""

import json
import signal
import time
from collections.abc import Callable

from chaos.record import Record, Stretches
from e2e.processes import Running

SECONDS_TO_STOP = 10.0
SECONDS_UNTIL_AGAIN = 1.0


class Part:
    """A process that should run; `lives` counts its starts."""

    def __init__(self, name: str, start: Callable[[], Running], announces: str, record: Record) -> None:
        self.name = name
        self.lives = 0
        self.disturbed = Stretches()
        self._start = start
        self._announces = announces
        self._record = record
        self._running: Running | None = None
        self._ready = False
        self._asked: tuple[str, float] | None = None
        self._born = self._start_at = 0.0
        self._continue_at: float | None = None
        self.disturbed.begin(0.0)

    @property
    def ready(self) -> bool:
        """Whether it works and nothing was asked of it."""
        return self._ready and self._asked is None and self._continue_at is None

    @property
    def gone(self) -> bool:
        """Whether it runs no more."""
        return self._running is None

    def kill(self, down: float) -> None:
        """End it without a word."""
        self._end(signal.SIGKILL, "kill", down)

    def terminate(self, down: float) -> None:
        """Ask it to end."""
        self._end(signal.SIGTERM, "terminate", down)

    def stop(self, seconds: float) -> None:
        """Hold it for so long."""
        if self._running is not None and self._asked is None:
            self._count("stop")
            self._running.send(signal.SIGSTOP)
            self._continue_at = time.time() + seconds

    def keep(self, database_was_away: Callable[[float, float], bool]) -> None:
        """Start what should run, continue what was held for long enough, and judge what has ended."""
        now = time.time()
        if self._running is None:
            if now >= self._start_at:
                self._running, self._ready, self._asked, self._born = self._start(), False, None, now
                self.lives += 1
            return
        if self._continue_at is not None and now >= self._continue_at:
            self._running.send(signal.SIGCONT)
            self._continue_at = None
            if self._ready:
                self.disturbed.end(now)
        if not self._running.alive:
            self._judge(self._running, away=database_was_away(self._born - 1, now))
            self._running = None
            self._start_at = max(self._start_at, now + (0 if self._asked else SECONDS_UNTIL_AGAIN))
            self.disturbed.begin(now)
        elif self._asked is not None and self._asked[0] == "terminate" and now - self._asked[1] > SECONDS_TO_STOP:
            self._record.violate("ends within 10 s of SIGTERM", f"{self._running.log.name} does not")
            self._running.send(signal.SIGKILL)
            self._asked = "kill", now
        elif not self._ready and self._announces in self._running.output():
            self._ready = True
            if self._continue_at is None and self._asked is None:
                self.disturbed.end(now)

    def _end(self, number: signal.Signals, action: str, down: float) -> None:
        if self._running is not None and self._asked is None:
            self._count(action)
            if self._continue_at is not None:
                self._running.send(signal.SIGCONT)
                self._continue_at = None
            self._running.send(number)
            self._asked = action, time.time()
        self._start_at = time.time() + down

    def _count(self, action: str) -> None:
        self._record.count(f"done: {action} {self.name}")
        self.disturbed.begin(time.time())

    def _judge(self, ended: Running, *, away: bool) -> None:
        code, how = ended.process.returncode, self._asked[0] if self._asked else None
        self._record.count(f"ends: {how or 'by itself'}, code {code}")
        if how == "kill" or (code == 0 and how == "terminate"):
            return
        # Before it works nothing promises more than that it ends.
        starting = not self._ready and self._announces not in ended.output()
        if starting and (how == "terminate" or (away and "Error: " in ended.output())):
            return
        last = ended.output().splitlines()[-1:]
        self._record.violate("exit codes", f"{ended.log.name} ended with {code} ({how or 'unasked'}): {_short(last)}")


def _short(lines: list[str]) -> str:
    return json.dumps(lines)[:300]

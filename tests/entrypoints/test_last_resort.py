"""Processes that cannot end by themselves are ended."""

import threading

from entrypoints.last_resort import exit_once_stalled, exit_within
from entrypoints.monitoring import Heartbeat
from waiting import PATIENCE


class Left:
    """Stands for the end of the process."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self._over = threading.Event()

    def __call__(self, code: int) -> None:
        self.codes.append(code)
        self._over.set()

    def wait(self) -> list[int]:
        self._over.wait(PATIENCE)
        return self.codes


def test_a_process_that_does_not_stop_is_ended() -> None:
    left = Left()
    exit_within(0.01, left)
    assert left.wait() == [1]


class Beating(Heartbeat):
    """Has beaten again at each of the first looks."""

    def __init__(self, looks: int) -> None:
        super().__init__(patience=30)
        self.looks = looks

    def __getattribute__(self, name: str) -> object:
        if name == "beats" and self.looks > 0:
            self.looks -= 1
            return self.looks + 1
        return super().__getattribute__(name)


def test_a_stalled_worker_ends_itself_and_a_working_one_does_not() -> None:
    left, heartbeat = Left(), Beating(100)
    exit_once_stalled(heartbeat, 0.003, left, every=0.001)
    assert left.wait() == [1]
    assert heartbeat.looks == 0


def test_a_worker_that_was_suspended_has_not_stalled() -> None:
    """However late its beats come by the clock, it ends once they are missing, and not before."""
    left, heartbeat = Left(), Beating(100)
    heartbeat._last -= 3_600
    exit_once_stalled(heartbeat, 0.003, left, every=0.001)
    assert left.wait() == [1]
    assert heartbeat.looks == 0

"""Processes that cannot end by themselves are ended."""

import threading

from entrypoints.last_resort import exit_once_stalled, exit_within


class Left:
    """Stands for the end of the process."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self._over = threading.Event()

    def __call__(self, code: int) -> None:
        self.codes.append(code)
        self._over.set()

    def wait(self) -> list[int]:
        self._over.wait(30)
        return self.codes


def test_a_process_that_does_not_stop_is_ended() -> None:
    left = Left()
    exit_within(0.01, left)
    assert left.wait() == [1]


def test_a_stalled_worker_ends_itself_once_it_has_stalled_for_so_long() -> None:
    left = Left()
    ages = iter([0.0, 59.9, 60.0, 60.1])
    exit_once_stalled(lambda: next(ages), 60.0, left, every=0.001)
    assert left.wait() == [1]
    assert list(ages) == []

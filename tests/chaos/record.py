"""What a run of chaos has seen: counts by name, and what broke an invariant."""

import time
from collections import Counter, defaultdict

import click

SHOWN_OF_A_KIND = 5


class Record:
    """Counts and violations of one run; stretches of time are seconds of the epoch, like those of the logs."""

    def __init__(self) -> None:
        self.began = time.time()
        self.counts: Counter[str] = Counter()
        self.violations: defaultdict[str, list[str]] = defaultdict(list)

    def tell(self, text: str) -> None:
        """Print a line with the time since the start."""
        click.echo(f"{time.time() - self.began:7.1f}  {text}")

    def count(self, name: str, times: int = 1) -> None:
        """Count something."""
        self.counts[name] += times

    def violate(self, invariant: str, story: str) -> None:
        """Note that an invariant was broken, and print the first few stories of each."""
        told = self.violations[invariant]
        told.append(f"{time.time() - self.began:.1f}: {story}")
        if len(told) <= SHOWN_OF_A_KIND:
            self.tell(f"VIOLATION {invariant}: {story}")

    def total(self, prefix: str) -> dict[str, int]:
        """Return the counts whose names begin with this, without it."""
        return {name[len(prefix) :]: count for name, count in sorted(self.counts.items()) if name.startswith(prefix)}

    def progress(self, products: int) -> str:
        """Say in one line how it goes."""
        answers = sum(self.total("answered: ").values())
        unanswered = sum(self.total("unanswered: ").values())
        broken = sum(map(len, self.violations.values()))
        return f"{products} products, {answers} answers, {unanswered} without, {broken} violations"

    def summary(self, seed: int, minutes: float) -> str:
        """Say all that was done and seen."""
        lines = [f"Seed {seed}, {minutes:g} minutes, {time.time() - self.began:.0f} s in all."]
        for prefix in (
            "done: ",
            "ends: ",
            "answered: ",
            "unanswered: ",
            "outcome: ",
            "event: ",
            "consumers restarted: ",
            "receiver: ",
            "delivery: ",
            "log: ",
            "metrics: ",
        ):
            lines += [prefix + ", ".join(f"{name} {count}" for name, count in self.total(prefix).items())]
        lines += [f"{name}: {count}" for name, count in self.counts.items() if ": " not in name]
        lines += [
            f"VIOLATED {len(stories)} times: {invariant}: {stories[0]}"
            for invariant, stories in self.violations.items()
        ]
        return "\n".join([*lines, f"Seed {seed}: {'violations' if self.violations else 'no violations'}."])


class Stretches:
    """Stretches of time, of which the last may be open."""

    def __init__(self) -> None:
        self._all: list[tuple[float, float]] = []

    @property
    def open(self) -> bool:
        """Whether the last one has not ended yet."""
        return bool(self._all) and self._all[-1][1] == float("inf")

    def begin(self, at: float) -> None:
        """Open a stretch, unless one is open."""
        if not self.open:
            self._all.append((at, float("inf")))

    def end(self, at: float) -> None:
        """Close the open one, if any."""
        if self.open:
            self._all[-1] = (self._all[-1][0], at)

    def clear(self) -> None:
        """Forget them all."""
        self._all.clear()

    def touch(self, begin: float, end: float) -> bool:
        """Whether any of them has a moment in common with this one."""
        return any(first <= end and begin <= last for first, last in self._all)

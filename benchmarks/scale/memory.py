"""The memory that processes hold now, in MB (Linux: proc(5))."""

from pathlib import Path

PROC = Path("/proc")


def resident_megabytes(pid: int) -> float:
    """Return what a process holds, shared memory included."""
    return _kilobytes(PROC / str(pid) / "status", "VmRSS") / 1e3 * 1.024


def family_megabytes(pid: int) -> float:
    """Return what a process and its children hold; what they share counts once."""
    children = (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
    return sum(map(_proportional, [pid, *map(int, children)]))


def _proportional(pid: int) -> float:
    try:
        return _kilobytes(PROC / str(pid) / "smaps_rollup", "Pss") / 1e3 * 1.024
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it has just ended


def _kilobytes(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0])
    raise ProcessLookupError(file)

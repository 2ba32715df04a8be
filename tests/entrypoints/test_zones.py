"""Time zones by name: every one that there is, read once, and nothing else."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from entrypoints.configuration import zones
from entrypoints.configuration.zones import find_zone, zone_names


def test_every_zone_is_found_and_read_once() -> None:
    assert len(zone_names()) > 400
    for name in zone_names():
        assert find_zone(name) is find_zone(name) is not None


def test_utc_is_pythons_own_by_all_its_names() -> None:
    assert {find_zone(name) for name in ("UTC", "Etc/UTC", "Zulu")} == {UTC}
    assert isinstance(find_zone("Africa/Abidjan"), ZoneInfo)


def test_names_that_callers_make_up_read_no_file_and_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    monkeypatch.setattr(zones, "_read", refuse)
    for name in ("", "localtime", "Factory", "europe/prague", "../etc/passwd", *map(str, range(1_000))):
        assert find_zone(name) is None

"""Secrets from files: which are read, and that a mistake names the variable and shows nothing of the file."""

import os
from pathlib import Path

import pytest

from entrypoints.configuration.setting_sources import LARGEST_FILE, SECRETS
from entrypoints.configuration.settings import SettingsError, read_settings

LONG = "abcdefghijklmnopqrstuvwxyz012345"
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0"
VALUES = {
    "DATABASE_URL": "postgres://u:p@host/db",
    "DATABASE_READ_URL": "postgres://u:p@standby/db",
    "DATABASE_DIRECT_URL": "postgres://u:p@direct/db",
    "OFFERS_REFRESH_TOKEN": "visible-ASCII",
    "ADMIN_PASSWORD": " blanks do stay ",
    "ADMIN_PASSWORD_HASH": HASH,
    "JWT_SECRET": LONG,
    "JWT_SECRETS_ACCEPTED": f"{LONG}, {LONG}",
}
PRODUCTION = {"APP_ENV": "production", "OFFERS_BASE_URL": "https://offers.test/api/v1"}


def mistake(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        read_settings(environment)
    return str(refused.value)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_be_in_a_file_whose_last_line_break_does_not_count(name: str, end: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(f"{VALUES[name]}{end}".encode())
    settings = read_settings({f"{name}_FILE": str(tmp_path / "secret")})
    assert getattr(settings, name.lower()) == VALUES[name]


def test_production_starts_with_all_secrets_in_files(tmp_path: Path) -> None:
    for name, value in VALUES.items():
        (tmp_path / name).write_text(value)
    # As Kubernetes mounts them: links to a folder that is replaced as a whole.
    (tmp_path / "data").symlink_to(tmp_path)
    files = {f"{name}_FILE": str(tmp_path / "data" / name) for name in SECRETS}
    assert read_settings(PRODUCTION | files).jwt_secret == LONG


@pytest.mark.parametrize("environment", [{}, PRODUCTION], ids=["development", "production"])
@pytest.mark.parametrize("name", SECRETS)
def test_a_file_that_gives_no_secret_is_one_line(name: str, environment: dict[str, str], tmp_path: Path) -> None:
    good = {f"{other}_FILE": str(tmp_path / other) for other in SECRETS if other != name}
    for other in VALUES:
        (tmp_path / other).write_text(VALUES[other])
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"geheim\xff")
    (tmp_path / "large").write_text("geheim" * LARGEST_FILE)
    os.mkfifo(tmp_path / "pipe")
    for file in ("missing", "empty", "binary", "large", "pipe", ".", "x" * 5_000, "a\0b"):
        (line,) = mistake(environment | good | {f"{name}_FILE": str(tmp_path / file)}).splitlines()
        assert line.startswith(f"{name}_FILE: ")
        assert "geheim" not in line
        assert str(tmp_path) not in line


def test_a_file_that_may_not_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(LONG)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert mistake({"JWT_SECRET_FILE": str(tmp_path / "secret")}) == "JWT_SECRET_FILE: cannot be read."


def test_a_value_that_is_wrong_is_named_by_the_variable_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("geheim")
    for name in ("DATABASE_URL", "JWT_SECRET", "ADMIN_PASSWORD", "ADMIN_PASSWORD_HASH", "JWT_SECRETS_ACCEPTED"):
        told = mistake(PRODUCTION | {f"{name}_FILE": str(tmp_path / "secret")})
        assert f"{name}_FILE: must " in told
        assert "geheim" not in told


def test_a_value_beside_its_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(LONG)
    told = mistake({"JWT_SECRET": "geheim", "JWT_SECRET_FILE": str(tmp_path / "secret")})
    assert told == "JWT_SECRET_FILE: must not be set beside JWT_SECRET."

"""The database's URL, with parameters of libpq that not every driver knows."""

import certifi
import pytest
from psycopg.conninfo import conninfo_to_dict

from adapters.postgres import dsn
from adapters.postgres.dsn import UnsupportedParameter, ignored_parameters, libpq_dsn

PLAIN = "postgresql://u:p@h/d"


@pytest.mark.parametrize(
    "parameter",
    ["channel_binding=prefer", "connect_timeout=10", "gssencmode=disable", "keepalives=1", "keepalives_idle=30",
     "keepalives_interval=5", "keepalives_count=3", "tcp_user_timeout=9000"],
)  # fmt: skip
def test_harmless_parameters_are_left_out_and_named(parameter: str) -> None:
    assert libpq_dsn(f"postgres://u:p@h/d?{parameter}") == PLAIN
    assert libpq_dsn(f"postgres://u:p@h/d?sslmode=require&{parameter}") == f"{PLAIN}?sslmode=require"
    assert ignored_parameters(f"postgres://u:p@h/d?{parameter}") == [parameter.partition("=")[0]]
    assert ignored_parameters(f"{PLAIN}?sslmode=require") == []


@pytest.mark.parametrize("parameter", ["channel_binding=require", "gssencmode=require"])
def test_what_a_driver_cannot_do_is_refused_by_name(parameter: str) -> None:
    with pytest.raises(UnsupportedParameter, match=f"^{parameter} is not supported$"):
        libpq_dsn(f"postgres://u:p@h/d?{parameter}")


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_verified_connection_without_a_root_file_trusts_the_usual_roots(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory, mode: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert conninfo_to_dict(libpq_dsn(f"{PLAIN}?sslmode={mode}"))["sslrootcert"] == certifi.where()
    given = conninfo_to_dict(libpq_dsn(f"{PLAIN}?sslmode={mode}&sslrootcert=/etc/ca.pem"))
    assert given["sslrootcert"] == "/etc/ca.pem"


def test_several_hosts_are_tried_in_turn() -> None:
    given = conninfo_to_dict(libpq_dsn("postgres://u:p@one:5432,two:5433/d?target_session_attrs=read-write"))
    assert (given["host"], given["port"], given["target_session_attrs"]) == ("one,two", "5432,5433", "read-write")
    with pytest.raises(ValueError, match="percent-encoded"):
        libpq_dsn("postgres://u:p@one:5432,two:x/d")


def test_the_list_of_ignored_parameters_has_no_others() -> None:
    assert "sslmode" not in dsn.IGNORED

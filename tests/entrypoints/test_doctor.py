"""`aggregator doctor`: settings first, one line for each finding, and exit codes for scripts."""

import json
import subprocess
import sys

import pytest

from application.diagnosis.finding import Check, Finding, broken, warning
from entrypoints.operations.doctor import check_settings, report
from waiting import PATIENCE

NOWHERE = "postgresql://u:hidden-word@127.0.0.1:9/d"
PRODUCTION = {
    "APP_ENV": "production",
    "DATABASE_URL": NOWHERE,
    "OFFERS_BASE_URL": "https://offers.example/api/v1",
    "OFFERS_REFRESH_TOKEN": "t" * 40,
}
COMMAND = (sys.executable, "-m", "entrypoints.cli", "doctor")
A_WARNING = warning(Check.WORKERS, "They are slow.", "Prices are old.", "Start more.")
A_FAULT = broken(Check.TOKEN, "It is refused.", "Nothing works.", "Set it.")


@pytest.mark.parametrize(
    ("findings", "code", "status"),
    [([], 0, "ok"), ([A_WARNING], 1, "warning"), ([A_WARNING, A_FAULT], 2, "broken")],
)
def test_the_worst_finding_decides(
    capsys: pytest.CaptureFixture[str], findings: list[Finding], code: int, status: str
) -> None:
    assert report(findings, as_json=True) == code
    written = json.loads(capsys.readouterr().out)
    assert (written["status"], len(written["findings"])) == (status, len(findings))
    assert report(findings, as_json=False) == code
    assert len(capsys.readouterr().out.splitlines()) == max(1, len(findings))


def test_a_finding_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    report([A_FAULT], as_json=False)
    assert capsys.readouterr().out == "BROKEN   token: It is refused. Nothing works. Set it.\n"


def test_every_wrong_setting_is_a_finding() -> None:
    settings, findings = check_settings({"DATABASE_URL": "mysql://x", "OFFERS_REFRESH_INTERVAL": "soon"})
    assert settings is None
    assert {(finding.check, finding.problem.partition(":")[0]) for finding in findings} == {
        (Check.SETTINGS, "DATABASE_URL"),
        (Check.SETTINGS, "OFFERS_REFRESH_INTERVAL"),
    }


def test_settings_of_the_api_count_where_one_is_set() -> None:
    assert check_settings(PRODUCTION)[1] == []
    settings, findings = check_settings(PRODUCTION | {"JWT_SECRET": "short"})
    assert settings is not None
    assert any(finding.problem.startswith("JWT_SECRET: ") for finding in findings)


def test_a_worker_beside_an_api_lacks_none_of_its_secrets() -> None:
    shared = PRODUCTION | {"ALLOWED_HOSTS": "shop.example", "TRUSTED_PROXIES": "10.0.0.0/8"}
    assert check_settings(shared)[1] == []
    (finding,) = check_settings(shared | {"TRUSTED_PROXIES": "everybody"})[1]
    assert finding.problem.startswith("TRUSTED_PROXIES: ")


def test_the_command_says_that_the_database_is_away_and_shows_no_secret() -> None:
    environment = {"DATABASE_URL": NOWHERE, "OFFERS_BASE_URL": "http://127.0.0.1:9/api/v1"}
    ended = subprocess.run(
        [*COMMAND, "--json"], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    written = json.loads(ended.stdout)
    assert {finding["check"] for finding in written["findings"]} == {"database", "offers service"}
    assert (ended.returncode, written["status"], ended.stderr) == (2, "broken", "")
    assert "hidden-word" not in ended.stdout


def test_the_command_refuses_wrong_settings() -> None:
    ended = subprocess.run(
        COMMAND, env={"DATABASE_URL": "mysql://x"}, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stdout.partition(":")[0]) == (2, "BROKEN   settings")

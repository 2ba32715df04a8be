"""The audit of the lock: it fails on a vulnerability, and never passes for one that was not made."""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

AUDIT = Path(__file__).parents[2] / "tools" / "audit.py"
LOCKED = f"jinja2==2.4 --hash=sha256:{'0' * 64}\n"
KNOWN = {
    "vulns": [
        {
            "id": "GHSA-1",
            "affected": [
                {
                    "package": {"name": "jinja2", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.6"}]}],
                }
            ],
        }
    ]
}

Audit = Callable[..., tuple[int, str]]


@contextmanager
def vulnerability_service(answer: object, status: int = 200) -> Iterator[str]:
    """Serve one answer to every request, as OSV does, and give its URL."""

    class Asked(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_request(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Asked) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    def run(url: str, *options: str, locked: str = LOCKED) -> tuple[int, str]:
        service = ("--vulnerability-service=osv", f"--osv-url={url}", f"--cache-dir={tmp_path}")
        command = [sys.executable, str(AUDIT), *service, *options]
        audit = subprocess.run(command, input=locked, capture_output=True, text=True, check=False)
        assert audit.stdout == ""
        return audit.returncode, audit.stderr

    return run


def test_a_vulnerability_fails_with_its_name_and_its_mending(audit: Audit) -> None:
    with vulnerability_service(KNOWN) as url:
        code, said = audit(url, "--or-say-so")
    assert code == 1
    assert "jinja2 2.4: GHSA-1, fixed in 3.1.6\n" in said


def test_without_one_it_passes_and_says_what_was_audited(audit: Audit) -> None:
    with vulnerability_service({}) as url:
        assert audit(url) == (0, "audit: no known vulnerabilities in 1 packages\n")


def test_without_an_answer_it_is_said_that_nothing_was_audited(audit: Audit) -> None:
    with vulnerability_service({}, status=503) as url:
        out_of_order = audit(url)
    gone = audit(url, "--or-say-so")
    said = "NOT AUDITED for known vulnerabilities: everything; the vulnerability service does not answer\n"
    assert (out_of_order, gone) == ((1, said), (0, said))


@pytest.mark.parametrize(("options", "expected"), [([], 1), (["--or-say-so"], 0)])
def test_what_pip_audit_skips_is_not_audited(
    options: list[str], expected: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    packages = [{"name": "jinja2", "version": "2.4", "vulns": []}, {"name": "litestar", "skip_reason": "not found"}]
    pip_audit = f"print({json.dumps(json.dumps({'dependencies': packages}))})"
    main = runpy.run_path(str(AUDIT))["main"]
    monkeypatch.setitem(main.__globals__, "PIP_AUDIT", (sys.executable, "-c", pip_audit))
    assert main(options) == expected
    assert capfd.readouterr().err.startswith("NOT AUDITED for known vulnerabilities: litestar; ")


@pytest.mark.parametrize("locked", ["", "jinja2==2.4\n"])
def test_what_is_no_lock_fails(audit: Audit, locked: str) -> None:
    with vulnerability_service({}) as url:
        code, said = audit(url, "--or-say-so", locked=locked)
    assert code == 1
    assert said

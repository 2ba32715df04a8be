"""The receivers that docs/webhooks.md shows verify what the service signs."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.webhooks.signatures import signed_headers
from application.webhooks.ports import Message
from application.webhooks.secrets import new_secret
from e2e.clients import free_port, listens
from e2e.processes import Processes, eventually

PAGE = Path(__file__).parents[1] / "docs" / "webhooks.md"
PACKAGES = Path(__file__).parent / "node_receiver"
BODY = '{"id": "1-2-3", "data": {"name": "žluťoučký"}}'.encode()
HOUR = timedelta(hours=1)
UNREACHABLE = re.compile(r"npm (error|ERR!) code (E(AI_AGAIN|CONN\w+|TIMEDOUT|NOTFOUND)|FETCH_ERROR)")


def signed(*secrets: str, ago: timedelta = timedelta(0)) -> dict[str, str]:
    return signed_headers(Message("", "1-2-3", BODY, datetime.now(UTC) - ago, secrets))


def receiver(secret: str) -> dict[str, Any]:
    """Run the page's receiver with this secret; return its names."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    seen: list[str] = []
    names: dict[str, Any] = {"enqueue": seen.append, "remember": lambda _: True}
    exec(code.replace("whsec_…", secret), names)  # noqa: S102 - our own page
    return names


@pytest.mark.parametrize("old_first", [False, True])
def test_the_receiver_in_python_takes_what_is_signed_and_nothing_else(old_first: bool) -> None:
    secret, another = new_secret(), new_secret()
    receive = receiver(secret)["receive"]
    headers = signed(*([another, secret] if old_first else [secret]))
    assert receive(headers, BODY) == 204
    assert receive(headers, BODY.replace(b"1-2-3", b"1-2-4")) == 401
    assert receiver(new_secret())["receive"](headers, BODY) == 401
    assert receive(signed(secret, ago=HOUR), BODY) == 401


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str, int], None]]:
    """Give what runs a script, which listens on a port, with the locked packages from npm's registry."""
    if shutil.which("npm") is None:
        pytest.skip("npm, which comes with Node.js, is missing")
    shutil.copytree(PACKAGES, tmp_path, dirs_exist_ok=True)
    install = ("npm", "ci", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=0")
    installed = subprocess.run(install, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)
    if UNREACHABLE.search(installed.stderr):
        pytest.skip("npm's registry cannot be reached")
    assert installed.returncode == 0, installed.stderr
    processes = Processes(tmp_path)

    def start(script: str, port: int) -> None:
        (tmp_path / "receiver.cjs").write_text(script)
        node = processes.start("receiver", "node", "receiver.cjs", environment={})
        eventually(lambda: listens(port) or not node.alive)
        assert node.alive, node.output()

    yield start
    processes.end()


def test_the_receiver_in_node_takes_what_is_signed_and_nothing_else(run: Callable[[str, int], None]) -> None:
    (code,) = re.findall(r"```javascript\n(.*?)```", PAGE.read_text(), re.DOTALL)
    secret, another, port = new_secret(), new_secret(), free_port()
    names = "const seen = new Set(), remember = (id) => !seen.has(id) && seen.add(id), enqueue = () => {};\n"
    run(names + code.replace("whsec_…", secret).replace("8000", str(port)), port)

    def receive(headers: dict[str, str], body: bytes = BODY) -> int:
        return httpx.post(f"http://127.0.0.1:{port}/", headers=headers, content=body, trust_env=False).status_code

    for secrets in ([secret], [another, secret]):
        assert receive(signed(*secrets)) == 204
    assert receive(signed(secret), BODY.replace(b"1-2-3", b"1-2-4")) == 401
    assert receive(signed(another)) == 401
    assert receive(signed(secret, ago=HOUR)) == 401
    assert receive({}) == 401

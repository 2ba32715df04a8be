"""A client with types that a generator makes of the API's description: it compiles, and its story works.

`make test-typescript` runs it where Node.js is installed; the packages come from npm's registry.
"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.clients import ADMIN
from e2e.system import System

PROJECT = Path(__file__).with_name("typescript")

pytestmark = pytest.mark.timeout(400)


def test_a_story_in_typescript(new_system: Callable[[], System], tmp_path: Path) -> None:
    system = new_system()
    system.start(interval=600)
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project)
    (project / "openapi.json").write_bytes(system.api.client.get("/schema/openapi.json").content)

    def run(*command: str) -> str:
        ended = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=300)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    run("npm", "install", "--no-audit", "--no-fund", "--no-package-lock")
    run("npx", "openapi-typescript", "openapi.json", "--output", "api.d.ts")
    run("npx", "tsc")
    assert run("node", "made/story.js", f"http://127.0.0.1:{system.api_port}", *ADMIN.values()) == "done\n"

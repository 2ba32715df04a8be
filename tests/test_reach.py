"""A controller reaches few files, so that a reader of it has little to open (docs/adr/0015-rooms-by-feature.md)."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src"
HTTP = SRC / "entrypoints" / "http"
HEALTH = HTTP / "health.py"
EDITS = [HTTP / "products" / "creating.py", HTTP / "products" / "editing.py"]
CONTROLLERS = [HTTP / "auth" / "login.py", *EDITS, *sorted((SRC / "entrypoints").rglob("*_controller.py"))]
MOST_OF_A_CONTROLLER, MOST_OF_A_PAGE, MOST_OF_HEALTH = 25, 37, 12
"""A page shows what several operations of the API answer, and draws it."""


def reached_from(start: Path) -> set[Path]:
    """Return the files of this project that importing this one runs, itself among them; type hints do not count."""
    reached: set[Path] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting.extend(file for name in _imported(ast.parse(path.read_text()).body) for file in _file_of(name))
    return reached


def _imported(statements: Iterable[ast.AST]) -> Iterator[str]:
    for statement in statements:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            yield statement.module
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)
        elif not (isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test)):
            yield from _imported(ast.iter_child_nodes(statement))


def _file_of(module: str) -> Iterator[Path]:
    path = SRC.joinpath(*module.split(".")).with_suffix(".py")
    if path.is_file():
        yield path


@pytest.mark.parametrize("controller", CONTROLLERS, ids=lambda path: str(path.relative_to(SRC / "entrypoints")))
def test_a_controller_reaches_few_files(controller: Path) -> None:
    reached = reached_from(controller)
    assert HTTP / "route_declarations.py" in reached
    most = MOST_OF_A_CONTROLLER if HTTP in controller.parents else MOST_OF_A_PAGE
    assert len(reached) <= most, sorted(str(path.relative_to(SRC)) for path in reached)


def test_health_reaches_fewer() -> None:
    reached = reached_from(HEALTH)
    assert SRC / "entrypoints" / "readiness.py" in reached
    assert len(reached) <= MOST_OF_HEALTH, sorted(str(path.relative_to(SRC)) for path in reached)


def test_the_api_starts_without_an_http_client() -> None:
    program = "import sys, entrypoints.container, entrypoints.http.server; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0

"""The documents name files that exist, and the walks name files that the code reaches."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from test_reach import reached_from

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"`((?:src|tests|tools|docker|benchmarks)/[\w./-]+)`")
SHORT = re.compile(r"`(\w+\.py)`")
STEP = re.compile(r"^\d+\. (`src/.*?`) \S ", re.MULTILINE)
# A use-case gets its adapters from the container, which no import of its own shows.
CONTAINER = ROOT / "src" / "entrypoints" / "container.py"


def walks() -> Iterator[tuple[str, list[Path]]]:
    """Give the title of each walk with its files."""
    for document in DOCUMENTS:
        for section in re.split(r"^#+ ", document.read_text(), flags=re.MULTILINE):
            if section.startswith("The walk of "):
                named = " ".join(STEP.findall(section))
                yield section.splitlines()[0], [ROOT / path for path in NAMED.findall(named)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_files_that_exist(document: Path) -> None:
    text = document.read_text()
    named = [document.parent / link for link in LINK.findall(text)] + [ROOT / path for path in NAMED.findall(text)]
    assert [str(path) for path in named if not path.exists()] == []
    known = {path.name for folder in ("src", "tests", "benchmarks", "tools") for path in (ROOT / folder).rglob("*.py")}
    assert [name for name in SHORT.findall(text) if name not in known] == []


@pytest.mark.parametrize(("title", "files"), list(walks()), ids=[title for title, _ in walks()])
def test_a_walk_names_files_that_the_first_one_or_the_container_reaches(title: str, files: list[Path]) -> None:
    assert len(files) >= 4, title
    reached = reached_from(files[0]) | reached_from(CONTAINER) | reached_from(ROOT / "src/entrypoints/http/app.py")
    assert [str(path.relative_to(ROOT)) for path in files if path not in reached] == []


def test_the_walk_of_a_create_is_short() -> None:
    [files] = [files for title, files in walks() if "POST /products" in title]
    assert len(files) <= 10

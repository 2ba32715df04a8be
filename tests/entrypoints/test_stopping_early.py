"""SIGTERM while a process starts: it is not lost, and ends it quietly."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from waiting import PATIENCE


@pytest.mark.parametrize("command", ["api", "worker"])
def test_a_process_that_waits_for_its_database_ends_at_once_with_code_0(command: str) -> None:
    """Without a handler of ours the code would be -15, and process 1 would not notice."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing"
        started = subprocess.Popen(
            [sys.executable, "-m", "entrypoints.cli", command],
            env={**os.environ, "DATABASE_URL": url, "PORT": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            silent.settimeout(PATIENCE)
            connection, _ = silent.accept()
            with connection:
                started.send_signal(signal.SIGTERM)
                output, _ = started.communicate(timeout=PATIENCE)
        finally:
            started.kill()
            started.wait()
    assert (started.returncode, output) == (0, b"")

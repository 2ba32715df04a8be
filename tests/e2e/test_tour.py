"""The tour of README.md, as a newcomer pastes it into a shell; the samples are what comes back."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from e2e.clients import Api, free_port
from e2e.one_machine import OneMachine
from e2e.processes import Processes, eventually
from waiting import PATIENCE

README = Path(__file__).parents[2] / "README.md"
ADDRESS = "http://127.0.0.1:8080"
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARYING = (
    (re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"), "TIME"),
    (re.compile(r'"direction":"(?:up|down|flat)"'), "DIRECTION"),
    (re.compile(r"(?<=:)( ?)-?\d+(?:\.\d+)?(?=[,}])"), r"\1NUMBER"),
)


def tour() -> list[tuple[str, str]]:
    """Return the blocks of the tour with their languages."""
    section = README.read_text().partition("## A tour\n")[2].partition("\n## ")[0]
    return BLOCK.findall(section)


def shape_of(answer: str) -> str:
    """Return an answer with its ids, times and numbers named instead of shown."""
    for varying, name in VARYING:
        answer = varying.sub(name, answer)
    return answer


def change_of_any(api: Api) -> str:
    """Return the change in a week of a product whose price is known now and was a week ago, if there is one."""
    answers = (api.client.get(f"/products/{product['id']}/price-change?period=P7D").text for product in api.all())
    return next((answer for answer in answers if json.loads(answer)["reason"] is None), "")


def one_line(sample: str) -> str:
    """Return a sample as the API answers it: README breaks the line, and indents what follows."""
    return "".join(line.strip() for line in sample.splitlines())


@pytest.fixture
def machine(processes: Processes, tmp_path: Path) -> Iterator[OneMachine]:
    machine = OneMachine(processes, tmp_path / "data", port=free_port(), simulator_port=free_port())
    yield machine
    processes.end()
    machine.close()


@pytest.mark.timeout(900)
def test_the_tour_can_be_pasted_and_answers_as_it_shows(machine: OneMachine, tmp_path: Path) -> None:
    machine.environment["OFFERS_REFRESH_INTERVAL"] = "3"  # soon enough, and less work for 51 products than 1
    machine.up()
    api = machine.ready()
    (tmp_path / ".venv").symlink_to(sys.prefix)
    address = f"http://{urlsplit(str(api.client.base_url)).netloc}"
    blocks = [(language, text.replace(ADDRESS, address)) for language, text in tour()]
    marked = "".join(f"{text}\nprintf '\\036'\n" for language, text in blocks if language == "sh")
    for _ in ("once", "and pasted again"):
        shell = subprocess.run(
            ["/bin/bash", "-eu"],
            input=marked,
            cwd=tmp_path,
            env=machine.environment | {"PATH": os.environ["PATH"], "no_proxy": "*"},
            capture_output=True,
            text=True,
            check=False,
            timeout=5 * PATIENCE,
        )
        assert shell.returncode == 0, shell.stderr
        assert "Products given a past of 30d: " in shell.stderr
        assert "Not observed yet" not in shell.stderr
        answers = [each.strip() for each in shell.stdout.split("\x1e")[:-1]]
        samples = [one_line(text) for language, text in blocks if language == "json"]
        for answer, sample in zip(answers, samples, strict=True):
            if json.loads(answer).get("reason"):  # the drill's made-up past has gaps, and a late worker makes one today
                answer = eventually(lambda: change_of_any(api))
            wanted = re.escape(shape_of(sample)).replace(r"…\]", r"\s.*\]")
            assert re.fullmatch(wanted, shape_of(answer), re.DOTALL), (sample, answer)
    machine.ends_cleanly()


def test_every_shell_block_of_the_tour_shows_one_answer_and_suits_every_shell() -> None:
    languages = [language for language, _ in tour()]
    assert languages == ["sh", "json"] * (len(languages) // 2)
    for language, text in tour():
        # A shell of macOS takes a comment for a command, and a question mark for a pattern.
        assert language == "json" or not re.search(r"#|^\$|^[^\"]*\?", text, re.MULTILINE), text

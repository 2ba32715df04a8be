"""How long the API takes to answer, over kept-alive connections, and how long an answer keeps all others waiting."""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

from benchmarks.history.cpu import Asked, Cpu
from benchmarks.history.questions import Question
from benchmarks.refresh.table import percentiles

CONCURRENCIES = (1, 8)
FEWEST, REQUESTS = 3, 200
SECONDS = 1.5


@dataclass(frozen=True)
class Waited:
    """How long those who asked at the same time waited, in milliseconds, and how many were turned away."""

    asked: int
    refused: int
    p50: float
    p99: float


@dataclass(frozen=True)
class Answer:
    """What one kind of request got, at each concurrency."""

    question: Question
    points: int
    size: int
    waited: list[Waited]
    cpu: Cpu
    """Of one answer."""


async def ask_all(asked: Asked, questions: list[Question]) -> list[Answer]:
    """Ask each question for as many times, or as long, as allowed, and print what came of it."""
    heads = "".join(f"{f'p50 at {each}':>10}{f'p99 at {each}':>10}" for each in CONCURRENCIES)
    print(f"\n{'':32}{'points':>7}{'bytes':>9}{heads} ms{'API':>9}{'DB':>7} CPU ms")
    answers = []
    async with _session(asked.base) as session:
        for question in questions:
            answer = await _ask(session, asked, question)
            answers.append(answer)
            waited = "".join(f"{each.p50:>10.1f}{each.p99:>10.1f}" for each in answer.waited)
            counts = ", ".join(_count(each) for each in answer.waited)
            cpu = f"{answer.cpu.api:>12.1f}{answer.cpu.database:>7.1f}"
            print(
                f"{question.name:32}{answer.points:>7}{answer.size:>9}{waited}{cpu}"
                f"   of {counts}; others' CPU {answer.cpu.others:.0%}",
                flush=True,
            )
    return answers


async def read(session: aiohttp.ClientSession, path: str) -> bytes:
    """Read one answer whole."""
    async with session.get(path, raise_for_status=True) as response:
        return await response.read()


def _session(base: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(base, connector=aiohttp.TCPConnector(limit=max(CONCURRENCIES)))


async def _ask(session: aiohttp.ClientSession, asked: Asked, question: Question) -> Answer:
    body = await _answered(session, question.path()) or b"{}"
    before = asked.read()
    waited = [await _wait(session, question, concurrency) for concurrency in CONCURRENCIES]
    cpu = asked.taken_since(before, sum(each.asked for each in waited))
    return Answer(question, _points(json.loads(body)), len(body), waited, cpu)


async def _answered(session: aiohttp.ClientSession, path: str) -> bytes | None:
    try:
        return await read(session, path)
    except aiohttp.ClientResponseError:
        return None


async def _wait(session: aiohttp.ClientSession, question: Question, concurrency: int) -> Waited:
    seconds: list[float] = []
    refused, end = 0, time.monotonic() + SECONDS

    async def keep_asking() -> None:
        nonlocal refused
        while len(seconds) < FEWEST or (len(seconds) < REQUESTS and time.monotonic() < end):
            path, began = question.path(), time.monotonic()
            answer = await _answered(session, path)
            refused += answer is None
            seconds.append(time.monotonic() - began)

    await asyncio.gather(*(keep_asking() for _ in range(concurrency)))
    return Waited(len(seconds), refused, *percentiles(seconds))


def _count(waited: Waited) -> str:
    return f"{waited.asked}" + (f" ({waited.refused} refused)" if waited.refused else "")


def _points(answer: dict[str, Any]) -> int:
    series = answer.get("series") or [answer]
    return sum(len(each.get("points", ())) for each in series)

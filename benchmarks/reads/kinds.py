"""The kinds of request that are measured: how each is written for the API, and for the limit beside it."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from uuid import UUID

import httpx

from benchmarks.reads.client import Request

_HOST = "Host: 127.0.0.1\r\n"
ADDRESSES = tuple(f"127.0.0.{number}" for number in range(1, 9))


@dataclass(frozen=True)
class Kind:
    """A kind of request: for the API with the status it expects, and for the bare limit, which has none but success."""

    name: str
    api: Request
    expected: int
    bare: Request
    bare_expected: int = 200
    path: str | None = None
    """One of its paths, if both should answer it alike."""
    addresses: Sequence[str] = ("127.0.0.1",)
    connections: int | None = None
    """Another number of connections than usual."""


def kinds(api: str, environment: Mapping[str, str], ids: Sequence[UUID]) -> list[Kind]:
    """Return all kinds, for products that have been observed."""
    paths = [f"/products/{id}" for id in ids]
    detail = _any_of([_get(path) for path in paths])
    with httpx.Client(base_url=api, trust_env=False) as client:
        tags = [client.get(path).headers["ETag"] for path in paths]
    conditional = _any_of([_get(path, f"If-None-Match: {tag}\r\n") for path, tag in zip(paths, tags, strict=True)])
    login = post("/login", _credentials(environment))
    create = _create(bearer(api, environment))
    lists = [(f"list of {limit}", f"/products?limit={limit}") for limit in (20, 100)]
    return [
        Kind("detail", detail, 200, detail, path=paths[0]),
        *(Kind(name, _any_of([_get(path)]), 200, _any_of([_get(path)]), path=path) for name, path in lists),
        Kind("304", conditional, 304, detail),
        Kind("login", lambda _: login, 200, lambda _: login, addresses=ADDRESSES, connections=4),
        Kind("create", create, 201, create, 201),
    ]


def bearer(api: str, environment: Mapping[str, str]) -> str:
    """Log in, and return the header of an admin's requests."""
    answer = httpx.post(f"{api}/login", json=_credentials(environment), trust_env=False).raise_for_status()
    return f"Authorization: Bearer {answer.json()['access_token']}\r\n"


def _credentials(environment: Mapping[str, str]) -> dict[str, str]:
    return {"username": "admin", "password": environment["ADMIN_PASSWORD"]}


def _any_of(requests: Sequence[bytes]) -> Request:
    dice = random.Random(20261128)  # noqa: S311
    return lambda _: dice.choice(requests)


def _create(authorisation: str) -> Request:
    numbers = count()

    def make(_: int) -> bytes:
        return post("/products", {"name": f"drill {next(numbers)}", "description": "18 V"}, authorisation)

    return make


def _get(path: str, headers: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\n{_HOST}{headers}\r\n".encode()


def post(path: str, content: object, headers: str = "") -> bytes:
    """Write a POST."""
    body = json.dumps(content)
    described = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\n{_HOST}{headers}{described}\r\n{body}".encode()

"""Bodies: which types are read, how large they may be, and what cannot be read at all."""

import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from api_client.api import MISSING, Api, pointers, problem_of

KIB = 1024
JSON = {"Content-Type": "application/json"}
GOOD = b'{"name": "Kettle", "description": ""}'


def padded(size: int) -> bytes:
    return GOOD.ljust(size)


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 4 * KIB):
        yield body[start : start + 4 * KIB]


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"{",
        b"name=Kettle",
        GOOD + b"}",
        b'{"name": "Kettle", "description": "",}',
        b"{'name': 'Kettle', 'description': ''}",
        b'{"name": NaN, "description": ""}',
        b'{"name": 1e999, "description": ""}',
        b'{"name": "raw\nnewline", "description": ""}',
        b'{"name": "\xff", "description": ""}',
        b'{"name": "\xed\xa0\x80", "description": ""}',
        b'{"name": "\xc3", "description": ""}',
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().encode("utf-16"),
        b"[" * 60_000,
        b'{"name": ' + b"[" * 30_000 + b"]" * 30_000 + b', "description": ""}',
    ],
)
async def test_what_is_not_json_in_utf_8_or_nested_too_deeply_is_malformed(api: Api, body: bytes) -> None:
    problem_of(await api.http.post("/products", content=body, headers=JSON), 400, "malformed-request")
    problem_of(await api.http.post("/login", content=body, headers=JSON), 400, "malformed-request")


async def test_a_body_that_is_not_there_is_missed(api: Api) -> None:
    problem = problem_of(await api.http.post("/products", headers=JSON), 422, "validation-error")
    assert problem["errors"] == [{"pointer": "", "detail": "The body is missing."}]


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"7", b"null", b"true"])
async def test_json_that_is_no_object_is_invalid(api: Api, body: bytes) -> None:
    problem = problem_of(await api.http.post("/products", content=body, headers=JSON), 422, "validation-error")
    assert pointers(problem) == [""]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/msgpack",
        "application/x-msgpack",
        "application/merge-patch+json",
        "application/jsonp",
        "",
    ],
)
async def test_a_body_of_another_type_is_not_read(api: Api, content_type: str) -> None:
    answer = await api.http.post("/products", content=GOOD, headers={"Content-Type": content_type})
    problem_of(answer, 415, "unsupported-media-type")


async def test_a_body_without_a_type_is_not_read(api: Api) -> None:
    answer = await api.http.post("/products", content=GOOD)
    assert "Content-Type" not in answer.request.headers
    problem_of(answer, 415, "unsupported-media-type")


async def test_a_form_is_not_read_by_the_login_either(customer: httpx.AsyncClient) -> None:
    problem_of(await customer.post("/login", data={"username": "a", "password": "b"}), 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x=y"]
)
async def test_parameters_and_case_of_the_type_do_not_matter(api: Api, content_type: str) -> None:
    answer = await api.http.post("/products", content=GOOD, headers={"Content-Type": content_type})
    assert answer.status_code == 201


async def test_a_body_of_64_kib_is_read(api: Api) -> None:
    assert (await api.http.post("/products", content=padded(64 * KIB), headers=JSON)).status_code == 201


async def test_a_body_that_says_it_is_larger_is_not_read(api: Api) -> None:
    answer = await api.http.post("/products", content=padded(64 * KIB + 1), headers=JSON)
    assert "Content-Length" in answer.request.headers
    problem_of(answer, 413, "payload-too-large")


async def test_a_body_that_does_not_say_how_large_it_is_is_read_up_to_the_limit(api: Api) -> None:
    taken = await api.http.post("/products", content=in_pieces(padded(64 * KIB)), headers=JSON)
    assert "Content-Length" not in taken.request.headers
    assert taken.status_code == 201
    answer = await api.http.post("/products", content=in_pieces(padded(64 * KIB + 1)), headers=JSON)
    problem_of(answer, 413, "payload-too-large")


async def test_a_large_login_is_not_read(customer: httpx.AsyncClient) -> None:
    body = json.dumps({"username": "a", "password": "b" * 70_000})
    problem_of(await customer.post("/login", content=body, headers=JSON), 413, "payload-too-large")


async def test_a_body_that_is_not_read_changes_nothing(api: Api) -> None:
    await api.http.post("/products", content=padded(65 * KIB), headers=JSON)
    await api.http.post("/products", content=GOOD, headers={"Content-Type": "text/plain"})
    assert (await api.http.get("/products")).json()["items"] == []


BODIES = {"POST": "/products", "PUT": f"/products/{MISSING}", "PATCH": f"/products/{MISSING}"}


@pytest.mark.parametrize("method", BODIES)
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "nonsense", "gzip, identity"])
async def test_a_coded_body_is_told_that_none_is_read(api: Api, method: str, coding: str) -> None:
    headers = JSON | {"Content-Encoding": coding}
    for path in (BODIES[method], "/login") if method == "POST" else (BODIES[method],):
        answer = await api.http.request(method, path, content=gzip.compress(GOOD), headers=headers)
        problem_of(answer, 415, "unsupported-media-type")
        assert answer.headers["Accept-Encoding"] == "identity"
        assert {"Accept", "Accept-Patch"}.isdisjoint(answer.headers)


async def test_a_body_that_is_said_to_be_as_it_is_is_read(api: Api) -> None:
    answer = await api.http.post("/products", content=GOOD, headers=JSON | {"Content-Encoding": "identity"})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("method", "header", "types"),
    [
        ("POST", "Accept", "application/json"),
        ("PUT", "Accept", "application/json"),
        ("PATCH", "Accept-Patch", "application/json, application/merge-patch+json"),
    ],
)
async def test_a_body_of_another_type_is_told_which_are_read(api: Api, method: str, header: str, types: str) -> None:
    answer = await api.http.request(method, BODIES[method], content=GOOD, headers={"Content-Type": "text/plain"})
    problem_of(answer, 415, "unsupported-media-type")
    assert answer.headers[header] == types
    assert "Accept-Encoding" not in answer.headers

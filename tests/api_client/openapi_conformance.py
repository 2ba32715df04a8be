"""Answers checked against the description of the API. A failure names the test, the answer and the broken rule."""

import os
import re
from typing import Any

import httpx
import jsonschema_rs
import msgspec

JSON = ("application/json", "application/problem+json")


class Manual:
    """The description of the API, as every answer of its operations must be."""

    def __init__(self, description: dict[str, Any]) -> None:
        self._description = description
        # Those without parameters first, as the router prefers them.
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), operations)
            for path, operations in sorted(description["paths"].items(), key=lambda item: item[0].count("{"))
        ]
        self._validators: dict[bytes, jsonschema_rs.Validator] = {}

    def check(self, answer: httpx.Response) -> None:
        """Hold the answer against its operation; what answers no operation of the API is not described."""
        operation = self._operation(answer.request)
        if operation is None:
            return
        about = f"{operation['operationId']} {answer.status_code}"
        responses = operation["responses"]
        _require(str(answer.status_code) in responses, about, "its status is described", sorted(responses))
        described = responses[str(answer.status_code)]
        for name, header in described["headers"].items():
            if name in answer.headers:
                given = answer.headers[name]
                value = int(given) if header["schema"]["type"] == "integer" else given
                self._assert_valid(header["schema"], value, f"{about} {name}")
            else:
                _require(not header["required"], about, f"it has the required header {name}", sorted(answer.headers))
        unmentioned = {name for name in ALL_HEADERS if name in answer.headers} - described["headers"].keys()
        _require(not unmentioned, about, "its headers are described", unmentioned)
        self._check_body(about, described.get("content", {}), answer)

    def _check_body(self, about: str, content: dict[str, Any], answer: httpx.Response) -> None:
        media_type = answer.headers.get("Content-Type", "").partition(";")[0]
        if not content:
            _require(answer.content == b"", about, "it has no body", answer.content[:200])
            return
        _require(media_type in content, about, "its media type is described", media_type)
        if media_type in JSON:
            self._assert_valid(content[media_type]["schema"], msgspec.json.decode(answer.content), about)

    def _operation(self, request: httpx.Request) -> dict[str, Any] | None:
        for path, operations in self._paths:
            if path.fullmatch(request.url.raw_path.partition(b"?")[0].decode()):
                operation: dict[str, Any] | None = operations.get(request.method.lower())
                return operation
        return None

    def _assert_valid(self, schema: dict[str, Any], value: object, about: str) -> None:
        key = msgspec.json.encode(schema)
        validator = self._validators.get(key)
        if validator is None:
            whole = schema | {"components": self._description["components"]}
            validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
            self._validators[key] = validator
        mistakes = [f"{each.instance_path}: {each.message}" for each in validator.iter_errors(value)]
        _require(not mistakes, about, "it is valid under its schema", mistakes)


def _require(kept: bool, answer: str, rule: str, found: object) -> None:
    test = os.environ.get("PYTEST_CURRENT_TEST", "no test")
    assert kept, f"in {test}, the answer {answer} breaks the rule that {rule}: {found}"


ALL_HEADERS = (
    "Allow",
    "Cache-Control",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-Content-Type-Options",
    "X-Request-Id",
)
"""The headers that mean something to clients."""

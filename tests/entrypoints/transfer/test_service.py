"""Calls of the service: patient with what passes, clear about what does not, and logged in as long as it takes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import click
import httpx
import pytest

from entrypoints.transfer.credentials import Credentials, Key, Login
from entrypoints.transfer.failures import NotAllowed, ServiceFailed
from entrypoints.transfer.service import ATTEMPTS, LOGIN_MARGIN, Service

ADMIN = Login("admin", "open sesame")
OK = httpx.Response(207, json={"items": []})
Answer = httpx.Response | Exception


@dataclass
class Deployment:
    """Answers one after the other; the last one for ever. Logins are answered by themselves."""

    answers: list[Answer]
    expires_in: float = 300
    logins: int = 0
    requests: list[httpx.Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/login"):
            self.logins += 1
            return httpx.Response(200, json={"access_token": f"token-{self.logins}", "expires_in": self.expires_in})
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers, request=request)

    def service(self, credentials: Credentials | None = ADMIN, url: str = "http://shop.test") -> Service:
        transport = httpx.MockTransport(self)
        return Service(url, credentials, self.told.append, transport=transport, sleep=self.waits.append)


def post(deployment: Deployment, credentials: Credentials | None = ADMIN, url: str = "http://shop.test") -> int:
    service = deployment.service(credentials, url)
    return service.post("products/batch?partial=true", b"{}", {"Idempotency-Key": "k"}).status_code


def problem(status: int, slug: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"type": f"/problems/{slug}", "detail": "So it is."}, headers=headers)


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("cut"),
        problem(429, "rate-limited"),
        problem(503, "overloaded"),
        httpx.Response(502, text="<html>"),
        httpx.Response(504),
        problem(409, "idempotency-in-progress"),
    ],
)
def test_what_passes_is_waited_for_ever_longer_with_the_same_key(trouble: Answer) -> None:
    deployment = Deployment([trouble, trouble, trouble, OK])
    assert post(deployment) == 207
    assert {request.headers["Idempotency-Key"] for request in deployment.requests} == {"k"}
    assert len(deployment.requests) == len(deployment.told) + 1 == 4
    assert all(0 < earlier < later for earlier, later in zip(deployment.waits, deployment.waits[2:], strict=False))


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("7", 7, 7),
        ("100000", 300, 300),
        (format_datetime(datetime.now(UTC) + timedelta(seconds=3_000), usegmt=True), 300, 300),
        (format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True), 0.25, 0.5),
        ("soon", 0.25, 0.5),
    ],
    ids=["seconds", "too many seconds", "a date", "a past date", "neither"],
)
def test_the_service_says_how_long_to_wait_within_reason(asked: str, least: float, most: float) -> None:
    deployment = Deployment([httpx.Response(503, headers={"Retry-After": asked}), OK])
    post(deployment)
    (waited,) = deployment.waits
    assert least <= waited <= most


def test_patience_has_an_end() -> None:
    deployment = Deployment([httpx.ConnectError("refused")])
    with pytest.raises(ServiceFailed, match=f"{ATTEMPTS} attempts: http://shop.test cannot be reached"):
        post(deployment)
    assert (len(deployment.requests), len(deployment.waits)) == (ATTEMPTS, ATTEMPTS - 1)


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (problem(401, "unauthenticated"), NotAllowed, 4),
        (problem(403, "forbidden"), NotAllowed, 4),
        (problem(404, "not-found"), ServiceFailed, 3),
        (problem(500, "internal-error"), ServiceFailed, 3),
        (httpx.Response(301, headers={"Location": "https://shop.test/"}), ServiceFailed, 3),
        (httpx.Response(400, text="<html>"), ServiceFailed, 3),
        (problem(422, "validation-error"), click.UsageError, 2),
    ],
)
def test_what_does_not_pass_ends_it_at_once(answer: Answer, error: type[click.ClickException], code: int) -> None:
    deployment = Deployment([answer])
    with pytest.raises(error) as raised:
        post(deployment, Key("k"))
    assert (raised.value.exit_code, deployment.waits) == (code, [])


def authorizations(deployment: Deployment) -> list[str | None]:
    return [request.headers.get("Authorization") for request in deployment.requests]


def test_one_login_serves_until_its_token_ends() -> None:
    deployment = Deployment([OK])
    service = deployment.service()
    for _ in range(3):
        service.post("products/batch", b"{}", {})
    assert authorizations(deployment) == ["Bearer token-1"] * 3
    deployment = Deployment([OK], expires_in=LOGIN_MARGIN)
    service = deployment.service()
    for _ in range(2):
        service.post("products/batch", b"{}", {})
    assert authorizations(deployment) == ["Bearer token-1", "Bearer token-2"]


def test_a_token_that_ends_early_is_replaced_once() -> None:
    deployment = Deployment([problem(401, "unauthenticated"), OK])
    assert post(deployment) == 207
    assert authorizations(deployment) == ["Bearer token-1", "Bearer token-2"]
    deployment = Deployment([problem(401, "unauthenticated")])
    with pytest.raises(NotAllowed):
        post(deployment)
    assert len(deployment.requests) == 2


def test_a_key_is_sent_as_it_is_and_without_credentials_none_are() -> None:
    deployment = Deployment([OK])
    post(deployment, Key("secret"))
    post(deployment, None)
    assert authorizations(deployment) == ["Bearer secret", None]
    assert deployment.logins == 0


@pytest.mark.parametrize("url", ["http://shop.test/api", "http://shop.test/api/"])
def test_a_prefix_of_the_url_stands_before_every_path(url: str) -> None:
    deployment = Deployment([OK])
    post(deployment, ADMIN, url)
    assert deployment.requests[0].url == "http://shop.test/api/products/batch?partial=true"

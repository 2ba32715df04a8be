"""The service over HTTP: patient where a second try may help, and clear where it does not."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import click
import httpx

from entrypoints.transfer.credentials import Credentials, Key, Login
from entrypoints.transfer.failures import NotAllowed, ServiceFailed

TIMEOUTS = httpx.Timeout(60.0, connect=10.0)
ATTEMPTS = 8
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
LONGEST_RETRY_AFTER = 300.0
LOGIN_MARGIN = 15.0
"""Seconds before its end in which a token is not used any more."""
_TRY_AGAIN = frozenset({429, 502, 503, 504})
_IN_PROGRESS = "/problems/idempotency-in-progress"

Tell = Callable[[str], None]
"""Shows a line to the user."""


class Service:
    """A deployment. Requests that may be sent again are, after waits that the service asks for or that grow."""

    def __init__(
        self,
        url: str,
        credentials: Credentials | None,
        tell: Tell,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # No redirects: they could lead credentials elsewhere.
        self._client = httpx.Client(base_url=url, timeout=TIMEOUTS, transport=transport, follow_redirects=False)
        self._credentials = credentials
        self._tell = tell
        self._sleep = sleep
        self._token = credentials.secret if isinstance(credentials, Key) else None
        self._token_until = 0.0

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """Post JSON and return the good answer. It must be safe to send it twice.

        Raises:
            ServiceFailed, NotAllowed, click.UsageError
        """
        headers = {"Content-Type": "application/json", **headers}
        return self._patiently(lambda: self._authorised("POST", path, content=body, headers=headers))

    @contextmanager
    def stream(self, path: str, query: Mapping[str, Any]) -> Iterator[httpx.Response]:
        """Lend a good answer whose body is yet to be read.

        Raises:
            ServiceFailed, NotAllowed, click.UsageError
        """
        answer = self._patiently(lambda: self._authorised("GET", path, params=query, stream=True))
        try:
            yield answer
        finally:
            answer.close()

    def pause(self, attempt: int, reason: str) -> None:
        """Wait before another attempt, ever longer."""
        self._wait(attempt, reason, 0.0)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _patiently(self, attempt: Callable[[], httpx.Response]) -> httpx.Response:
        reason, wanted = "", 0.0
        for number in range(ATTEMPTS):
            if number:
                self._wait(number, reason, wanted)
            wanted = 0.0
            try:
                answer = attempt()
            except httpx.TransportError as error:
                reason = f"{self._client.base_url} cannot be reached ({str(error) or type(error).__name__})"
                continue
            if answer.is_success:
                return answer
            reason, again = _reason(answer), _may_be_sent_again(answer)
            if not again:
                raise _failure(answer, reason)
            wanted = _retry_after(answer)
        raise ServiceFailed(f"Given up after {ATTEMPTS} attempts: {reason}.")

    def _wait(self, attempt: int, reason: str, wanted: float) -> None:
        longest = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT)
        seconds = max(min(wanted, LONGEST_RETRY_AFTER), longest * random.uniform(0.5, 1.0))  # noqa: S311
        self._tell(f"{reason}; trying again in {seconds:.1f} s.")
        self._sleep(seconds)

    def _authorised(self, method: str, path: str, *, stream: bool = False, **given: Any) -> httpx.Response:
        """Send a request with credentials, if there are any; an answer to the login is returned if that fails."""
        login = self._credentials if isinstance(self._credentials, Login) else None
        if login and time.monotonic() > self._token_until and (refusal := self._log_in(login)) is not None:
            return refusal
        answer = self._send(method, path, stream=stream, **given)
        if answer.status_code == httpx.codes.UNAUTHORIZED and login:
            # The token ended early: the service was started with another secret, perhaps.
            if (refusal := self._log_in(login)) is not None:
                return refusal
            answer = self._send(method, path, stream=stream, **given)
        return answer

    def _send(
        self, method: str, path: str, *, stream: bool, headers: Mapping[str, str] | None = None, **given: Any
    ) -> httpx.Response:
        headers = {**(headers or {}), **({"Authorization": f"Bearer {self._token}"} if self._token else {})}
        answer = self._client.send(self._client.build_request(method, path, headers=headers, **given), stream=stream)
        if stream and not answer.is_success:
            answer.read()
        return answer

    def _log_in(self, login: Login) -> httpx.Response | None:
        """Get a new token; return the answer if there is none in it."""
        answer = self._client.post("login", json={"username": login.username, "password": login.password})
        if not answer.is_success:
            return answer
        granted = answer.json()
        self._token = str(granted["access_token"])
        self._token_until = time.monotonic() + granted["expires_in"] - LOGIN_MARGIN
        return None


def _may_be_sent_again(answer: httpx.Response) -> bool:
    return answer.status_code in _TRY_AGAIN or _problem(answer).get("type", "").endswith(_IN_PROGRESS)


def _failure(answer: httpx.Response, reason: str) -> click.ClickException:
    if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
        return click.UsageError(f"{reason}.")
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return NotAllowed(f"{reason}. Check AGGREGATOR_KEY, or AGGREGATOR_USERNAME and AGGREGATOR_PASSWORD.")
    if answer.is_redirect:
        return ServiceFailed(f"{answer.request.url} leads to {answer.headers.get('Location')}: give that as --url.")
    return ServiceFailed(f"{reason}. Check --url, and that the service is of this version.")


def _reason(answer: httpx.Response) -> str:
    problem = _problem(answer)
    details = [] if problem.get("errors") else [problem.get("detail") or problem.get("title") or answer.reason_phrase]
    details += [
        f"{each.get('parameter', each.get('pointer', ''))}: {each.get('detail')}" for each in problem.get("errors", [])
    ]
    return f"{answer.request.url.path} answers {answer.status_code}: {' '.join(details).rstrip('.')}"


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _retry_after(answer: httpx.Response) -> float:
    """Return the seconds that Retry-After asks for (RFC 9110, section 10.2.3), as a number or as a date."""
    asked = answer.headers.get("Retry-After", "")
    if asked.isdecimal():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return 0.0

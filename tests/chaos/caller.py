"""One client of the API: it logs in, sends, and says whether an answer is one that the API may give at this time."""

import time
from typing import Any

import httpx

from chaos.deployment import Deployment
from chaos.record import Record
from chaos.secrets_kept import Secrets

SECONDS_TO_LEAD = 1.0
SECONDS_A_HELD_WORKER_LOCKS = 8.0
UNAUTHENTICATED, RATE_LIMITED, UNAVAILABLE = 401, 429, 503


class Caller:
    """Sends requests of one customer or reader, one at a time."""

    def __init__(self, deployment: Deployment, record: Record, kept: Secrets, *, patience: float) -> None:
        self._deployment = deployment
        self.record = record
        self._kept = kept
        self._token, self._token_until = "", 0.0
        self._client = httpx.AsyncClient(
            base_url=deployment.system.api.client.base_url, trust_env=False, timeout=patience
        )

    async def call(
        self, action: str, method: str, path: str, *, allowed: set[int], admin: bool = False, **request: Any
    ) -> httpx.Response | None:
        """Return the answer if it is one of the allowed; None if it is unknown what became of the request.

        An answer that is not allowed is a violation; so is a 401, unless the request was held until its token expired.
        """
        if admin and not await self._log_in():
            return None
        headers = {"Authorization": f"Bearer {self._token}"} if admin else {}
        began = time.time()
        try:
            answer = await self._client.request(method, path, headers=headers, **request)
        except httpx.TransportError as error:
            self._judge_silence(action, error, began)
            return None
        self.record.count(f"answered: {action} {answer.status_code}")
        self._kept.look_into(answer.text, f"an answer to {method} {path}")
        if answer.status_code in allowed:
            return answer
        if answer.status_code == UNAVAILABLE:
            self._judge_unavailable(action, answer, began)
        elif answer.status_code == UNAUTHENTICATED and time.time() > self._token_until:
            self._token_until = 0.0
        else:
            self.record.violate("documented answers", f"{action} {path}: {answer.status_code} {answer.text[:300]}")
        return None

    async def log_in_wrongly(self) -> None:
        """Try a wrong name: all customers have one address, and wrong passwords would lock its admins out."""
        body = {"username": "nobody", "password": "not the password"}
        await self.call("wrong login", "POST", "/login", allowed={UNAUTHENTICATED, RATE_LIMITED}, json=body)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _log_in(self) -> bool:
        if time.time() < self._token_until:
            return True
        began = time.time()
        body = {"username": "admin", "password": self._deployment.secrets["ADMIN_PASSWORD"]}
        try:
            answer = await self._client.post("/login", json=body)
        except httpx.TransportError as error:
            self._judge_silence("login", error, began)
            return False
        self.record.count(f"answered: login {answer.status_code}")
        if answer.status_code == UNAVAILABLE:
            self._judge_unavailable("login", answer, began)
            return False
        if answer.status_code != httpx.codes.OK:
            self.record.violate("documented answers", f"login: {answer.status_code} {answer.text[:300]}")
            return False
        self._token = answer.json()["access_token"]
        self._kept.add(self._token)
        # It may be held on its way together with the API, so only half of its life is used.
        self._token_until = began + answer.json()["expires_in"] / 2
        return True

    def _judge_silence(self, action: str, error: httpx.TransportError, began: float) -> None:
        self.record.count(f"unanswered: {action}")
        if self._deployment.undisturbed("api", began - SECONDS_TO_LEAD, time.time()):
            waited = time.time() - began
            self.record.violate("a running API answers", f"{action}: {type(error).__name__} after {waited:.1f} s")

    def _judge_unavailable(self, action: str, answer: httpx.Response, began: float) -> None:
        form = answer.headers.get("Content-Type", ""), "Retry-After" in answer.headers
        if form != ("application/problem+json", True):
            self.record.violate("documented answers", f"{action}: 503 as {form}: {answer.text[:300]}")
        now = time.time()
        # A held worker keeps its locks, which writes wait for; reads wait for nobody.
        of_whom = ("api",) if answer.request.method == "GET" else ("api", "worker-1", "worker-2")
        locked = any(
            self._deployment.parts[name].disturbed.touch(began - SECONDS_A_HELD_WORKER_LOCKS, now) for name in of_whom
        )
        if not locked and not self._deployment.database_was_away(began, now):
            self.record.violate("no 503 while the database runs", f"{action}: {answer.text[:300]}")

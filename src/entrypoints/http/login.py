"""The admin's login: a password against an access token."""

import asyncio
import hmac
from typing import Annotated

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from litestar import Response, post
from litestar.params import JSONBody
from msgspec import Meta

from entrypoints.http.access import AccessTokens
from entrypoints.http.injection import Injected
from entrypoints.http.problem_types import OVERLOADED, UNAUTHENTICATED, problems
from entrypoints.http.problems import Overloaded, Unauthenticated
from entrypoints.http.reading import BODY_PROBLEMS

CHECKS_AT_ONCE = 2
CHECKS_WAITING = 16


class LoginRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An admin's credentials."""

    username: Annotated[str, Meta(max_length=255, examples=["admin"])]
    password: Annotated[str, Meta(max_length=1024, examples=["admin"])]

    def __repr__(self) -> str:
        """Show no password."""
        return "LoginRequest(…)"


class LoginResponse(msgspec.Struct, frozen=True):
    """An access token for the Authorization header; `expires_in` is in seconds."""

    access_token: str
    token_type: str
    expires_in: int


class Credentials:
    """The one admin's name and password, checked with argon2id away from the event loop, a bounded number at once."""

    def __init__(self, username: str, password_hash: str) -> None:
        self._username = username.encode()
        self._password_hash = password_hash
        self._hasher = PasswordHasher()
        self._places = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._under_way = 0

    async def check(self, username: str, password: str) -> None:
        """Pass if both are right; wrong names take as long as wrong passwords.

        Raises:
            Unauthenticated
            Overloaded: too many checks wait already.
        """
        if self._under_way >= CHECKS_AT_ONCE + CHECKS_WAITING:
            raise Overloaded
        self._under_way += 1
        try:
            async with self._places:
                right_password = await asyncio.to_thread(self._verify, password)
        finally:
            self._under_way -= 1
        if not (hmac.compare_digest(username.encode(), self._username) and right_password):
            raise Unauthenticated

    def _verify(self, password: str) -> bool:
        try:
            return self._hasher.verify(self._password_hash, password)
        except (Argon2Error, InvalidHashError):
            return False


@post(
    "/login",
    status_code=200,
    operation_id="login",
    summary="Log in as an admin",
    tags=["login"],
    responses=problems(UNAUTHENTICATED, OVERLOADED, *BODY_PROBLEMS),
)
async def login(
    data: JSONBody[LoginRequest], credentials: Injected[Credentials], access_tokens: Injected[AccessTokens]
) -> Response[LoginResponse]:
    """Exchange the admin's name and password for an access token."""
    await credentials.check(data.username, data.password)
    token = access_tokens.issue(data.username)
    answer = LoginResponse(token, "Bearer", int(access_tokens.lifetime.total_seconds()))
    return Response(answer, headers={"Cache-Control": "no-store"})

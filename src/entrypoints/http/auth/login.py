"""The admin's login: a password in exchange for an access token."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from litestar.params import JSONBody
from msgspec import Meta

from application.access.key_management import RecordLogin
from entrypoints.http.auth.access_tokens import AccessTokens
from entrypoints.http.auth.callers import admin, sent_by
from entrypoints.http.auth.client_address import client_address
from entrypoints.http.auth.credentials import Credentials
from entrypoints.http.problems.problem_types import (
    BODY_PROBLEMS,
    CREDENTIALS,
    RATE_LIMITED,
    UNAVAILABLE,
    problems,
)
from entrypoints.http.route_declarations import Declaration, Injected, answer, declared


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


@post(
    "/login",
    status_code=200,
    operation_id="login",
    summary="Log in as an admin",
    tags=["login"],
    opt=declared(Declaration(public=True, ignores_query=True, no_store=True)),
    responses={200: answer(LoginResponse, "The token", LoginResponse("eyJhbGciOiJIUzI1NiIs…", "Bearer", 300))}
    | problems(CREDENTIALS, RATE_LIMITED, *UNAVAILABLE, *BODY_PROBLEMS),
)
async def login(
    request: Request[Any, Any, Any],
    data: JSONBody[LoginRequest],
    credentials: Injected[Credentials],
    access_tokens: Injected[AccessTokens],
    record_login: Injected[RecordLogin],
) -> Response[LoginResponse]:
    """Exchange the admin's name and password for an access token; an address may fail 20 times a minute, 5 per name."""
    username = await credentials.check(data.username, data.password, client_address(request))
    await record_login(sent_by(admin(username), request))
    token = access_tokens.issue(username)
    response = LoginResponse(token, "Bearer", int(access_tokens.lifetime.total_seconds()))
    return Response(response, headers={"Cache-Control": "no-store"})

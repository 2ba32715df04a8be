"""Who may call what: every route is for admins unless it is listed here, and admins carry an access token of ours."""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import uuid4

import jwt
from litestar import Request
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.openapi.spec import SecurityRequirement
from litestar.types import ASGIApp, Receive, Scope, Send

from entrypoints.http.problems.mapping import Unauthenticated

PUBLIC_ROUTES = frozenset(
    {
        ("POST", "/login"),
        ("GET", "/products"),
        ("GET", "/products/{product_id}"),
        ("GET", "/products/{product_id}/offers"),
        ("GET", "/products/{product_id}/offers/{offer_id}"),
        ("GET", "/products/{product_id}/price-history"),
        ("GET", "/products/{product_id}/price-change"),
        ("GET", "/products/{product_id}/price-statistics"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/problems/{slug}"),
        ("GET", "/schema/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/docs/static/{file_path}"),
        ("HEAD", "/docs/static/{file_path}"),
    }
)
"""All routes that anybody may call, by method and path template."""

ADMIN_PARAMETERS = {("GET", "/products"): frozenset({"attention"})}
"""The query parameters of public routes that are for admins only."""

ADMIN_SCHEME = "admin"
ADMIN_ONLY: list[SecurityRequirement] = [{ADMIN_SCHEME: []}]
"""What the OpenAPI description of a route that is not public says."""
ADMIN_TOO: list[SecurityRequirement] = [{}, {ADMIN_SCHEME: []}]
"""What that of a public route with parameters for admins says."""

ISSUER = AUDIENCE = "product-aggregator"
TYPE = "at+jwt"
ALGORITHM = "HS256"
CLAIMS = ["iss", "aud", "sub", "iat", "exp", "jti"]
TOKENS_KEPT = 256
"""Tokens that are remembered as ours, so that not every request pays for the signature."""


class AccessTokens:
    """Issues and checks our own access tokens, signed JWTs that follow RFC 8725 and RFC 9068's type."""

    def __init__(self, secret: str, lifetime: timedelta) -> None:
        self._key = secret.encode()
        self.lifetime = lifetime
        # What holds of a token holds for as long as it is valid, so it is looked at once. What fails is not kept.
        self._read_once = lru_cache(TOKENS_KEPT)(self._read)

    def issue(self, subject: str) -> str:
        """Return a token for this admin that is valid from now on."""
        now = datetime.now(UTC)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + self.lifetime,
            "jti": str(uuid4()),
        }
        return jwt.encode(claims, self._key, ALGORITHM, headers={"typ": TYPE})

    def check(self, token: str) -> str:
        """Return whose token it is.

        Raises:
            Unauthenticated: it is not one of ours, or no longer valid.
        """
        subject, expires = self._read_once(token)
        if expires <= time.time():
            raise Unauthenticated
        return subject

    def _read(self, token: str) -> tuple[str, int]:
        try:
            decoded = jwt.decode_complete(
                token, self._key, [ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options={"require": CLAIMS}
            )
        except jwt.InvalidTokenError as error:
            raise Unauthenticated from error
        if decoded["header"].get("typ") != TYPE:
            raise Unauthenticated
        return str(decoded["payload"]["sub"]), int(decoded["payload"]["exp"])


class RequireAdmin(ASGIMiddleware):
    """Lets a request through if it carries an admin's token, or neither its route nor its parameters need one.

    No guard, because Litestar copies the route's handler for each guard, at every request.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, access_tokens: AccessTokens) -> None:
        self._access_tokens = access_tokens

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Serve the request.

        Raises:
            Unauthenticated
        """
        route = (str(scope.get("method")), scope["path_template"])
        if route not in PUBLIC_ROUTES or self._asks_for_admins_parameters(route, scope):
            scheme, _space, token = Request(scope).headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                raise Unauthenticated
            scope["state"]["subject"] = self._access_tokens.check(token.strip())
        await next_app(scope, receive, send)

    @staticmethod
    def _asks_for_admins_parameters(route: tuple[str, str], scope: Scope) -> bool:
        parameters = ADMIN_PARAMETERS.get(route)
        return parameters is not None and not parameters.isdisjoint(Request(scope).query_params)

"""X-Forwarded-Prefix: the path under which a proxy serves the API, which it takes off before it forwards a request."""

from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_network

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from entrypoints.configuration.setting_validators import path_prefix
from entrypoints.http.problems.problem_types import PREFIX


class ForwardedPrefix:
    """ASGI application around another: it notes the prefix that a trusted proxy sends, in place of ROOT_PATH."""

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        self._app = app
        self._proxies = [ip_network(proxy) for proxy in proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; a prefix that is none, or is from anybody else, does not count."""
        if scope["type"] == ScopeType.HTTP:
            told = [value for name, value in scope["headers"] if name == b"x-forwarded-prefix"]
            if len(told) == 1 and self._trusts(scope):
                with suppress(ValueError):
                    scope.setdefault("state", {})[PREFIX] = path_prefix(told[0].decode("latin-1").rstrip("/"))
        await self._app(scope, receive, send)

    def _trusts(self, scope: HTTPScope) -> bool:
        try:
            peer = ip_address(scope["client"][0] if scope["client"] else "")
        except ValueError:
            return False
        return any(peer in proxy for proxy in self._proxies)

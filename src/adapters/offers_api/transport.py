"""The HTTP transport of all calls to the Offers service, and the reasons behind its errors.

It is httpx's transport interface over aiohttp, which costs half of httpx's own. This is the only module that knows
aiohttp's side of it (docs/adr/0016).
"""

import functools
import math
import ssl

import aiohttp
import certifi
import httpx
from httpx_aiohttp import AiohttpTransport

from application.synchronisation.upstream_calls import NoAnswer

TRANSPORT_ERRORS = (httpx.TransportError, aiohttp.ClientError, OSError)
"""What a call over the transport raises when it has no answer."""


def pooled_transport(*, connections: int, idle_seconds: float) -> httpx.AsyncBaseTransport:
    """Make a transport that keeps up to so many connections, each for so long after its last use.

    It sends a request once, follows no redirect, keeps no cookie, uses no proxy, and verifies TLS.
    """
    tls = _tls()

    # Opened at the first call, because aiohttp binds a session to the running event loop.
    def open_session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=idle_seconds, ssl=tls),
            # Requests carry their own limits; aiohttp would round these up to whole seconds.
            timeout=aiohttp.ClientTimeout(ceil_threshold=math.inf),
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=[_send_once],
            trust_env=False,
        )

    return AiohttpTransport(verify=tls, trust_env=False, client=open_session)


def reason_of(error: Exception) -> NoAnswer:
    """Return why a call has no answer.

    aiohttp's own error decides, where there is one: the transport reports lost connections and failed name resolution
    as time-outs.
    """
    cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
    match cause:
        case TimeoutError():
            return NoAnswer.TIMEOUT
        case aiohttp.ClientConnectorDNSError():
            return NoAnswer.HOST_NOT_RESOLVED
        case aiohttp.ClientSSLError():
            return NoAnswer.TLS_FAILED
        case aiohttp.ClientResponseError() | httpx.RemoteProtocolError():
            return NoAnswer.NOT_HTTP
        case httpx.TimeoutException():
            return NoAnswer.TIMEOUT
        case _:
            return NoAnswer.CONNECTION_FAILED


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from resending a GET over a new connection, which it does after these two errors."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError("connection lost") from error


@functools.cache
def _tls() -> ssl.SSLContext:
    # Reading the certificates takes 25 ms; one context serves every pool.
    return ssl.create_default_context(cafile=certifi.where())

"""An outgoing proxy: used when it is configured, never because the environment names one, and its password is kept."""

import asyncio
import ssl
import traceback
from base64 import b64encode
from contextlib import suppress

import pytest
import trustme

from adapters.offers_api.limits import HttpLimits
from application.synchronisation.offers_gateway import OffersServiceUnavailable
from domain.offer import ObservedOffers
from factories import some_id
from upstream.servers import answering, gateway_to, gateway_to_handler, listening

PATIENT = HttpLimits(connect=30, read=30, call=60)
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
PASSWORD = "pr0xy-secret"  # pragma: allowlist secret


class Proxy:
    """Answers requests itself, or refuses them; remembers their heads."""

    def __init__(self, sent: bytes) -> None:
        self.heads: list[bytes] = []
        self._sent = sent

    async def __call__(self, head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(head)
        writer.write(self._sent)


async def test_requests_go_to_the_proxy_with_its_credentials_and_a_token() -> None:
    proxy = Proxy(EMPTY)
    async with listening(proxy) as port:
        url = f"http://user:{PASSWORD}@127.0.0.1:{port}"
        async with gateway_to("http://offers.invalid/api/v1", limits=PATIENT, proxy=url) as gateway:
            assert await gateway.offers_of(some_id()) == ObservedOffers({})
    [head] = proxy.heads
    assert head.startswith(b"GET http://offers.invalid/api/v1/products/")
    assert b"Proxy-Authorization: Basic " + b64encode(f"user:{PASSWORD}".encode()) in head


async def test_tls_goes_through_the_proxy_and_is_verified_behind_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    authority = trustme.CA()
    ca_file = str(tmp_path_factory.mktemp("certificates") / "ca.pem")
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("offers.invalid").configure_cert(context)
    heads: list[bytes] = []

    async with listening(Proxy(EMPTY), context) as upstream:

        async def tunnel(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(head)
            there, back = await asyncio.open_connection("127.0.0.1", upstream)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

            async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
                with suppress(OSError):
                    while data := await source.read(65_536):
                        target.write(data)

            try:
                await asyncio.gather(copy(reader, back), copy(there, writer))
            finally:
                back.transport.abort()

        async with listening(tunnel) as port:
            url, base_url = f"http://user:{PASSWORD}@127.0.0.1:{port}", "https://offers.invalid"
            async with gateway_to(base_url, limits=PATIENT, proxy=url, ca_file=ca_file) as gateway:
                assert await gateway.offers_of(some_id()) == ObservedOffers({})
            async with gateway_to(base_url, limits=PATIENT, proxy=url) as gateway:
                with pytest.raises(OffersServiceUnavailable, match="issuer is unknown"):
                    await gateway.offers_of(some_id())
    assert heads[0].startswith(b"CONNECT offers.invalid:443 HTTP/1.1\r\n")
    assert b"Bearer" not in heads[0]


async def test_the_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:1")
    async with gateway_to_handler(answering(b"[]"), limits=PATIENT) as gateway:
        assert await gateway.offers_of(some_id()) == ObservedOffers({})


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "proxy failed: HTTP 407"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "proxy failed: HTTP 502"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, "the answer is larger than allowed"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP"),
    ],
)
async def test_a_proxy_that_refuses_is_named_without_its_password(sent: bytes, reason: str) -> None:
    async with listening(Proxy(sent)) as port:
        url = f"http://user:{PASSWORD}@127.0.0.1:{port}"
        async with gateway_to("https://offers.invalid", limits=PATIENT, proxy=url) as gateway:
            with pytest.raises(Exception, match=f"^{reason}$") as error:
                await gateway.offers_of(some_id())
    assert PASSWORD not in "".join(traceback.format_exception(error.value))


async def test_a_proxy_that_is_not_there() -> None:
    url = f"http://user:{PASSWORD}@127.0.0.1:1"
    async with gateway_to("http://offers.invalid", limits=PATIENT, proxy=url) as gateway:
        with pytest.raises(OffersServiceUnavailable, match=r"^proxy failed: no connection to it$") as error:
            await gateway.offers_of(some_id())
    assert PASSWORD not in "".join(traceback.format_exception(error.value))

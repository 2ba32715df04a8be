"""TLS with real certificates: the trusted ones, and the reasons for refusing others."""

import asyncio
import ssl
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
import trustme

from adapters.metrics.metrics import Metrics
from adapters.offers_api.limits import HttpLimits
from adapters.outgoing_http.tls import client_context
from application.synchronisation.offers_gateway import OffersServiceUnavailable
from domain.offer import ObservedOffers
from factories import some_id
from telemetry.metric_values import counted
from upstream.clients import gateway_of
from upstream.servers import TOKEN, GivenToken, gateway_to, listening

PATIENT = HttpLimits(connect=30, read=30, call=60)
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("certificates") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@asynccontextmanager
async def https(certificate: trustme.LeafCert) -> AsyncIterator[str]:
    """An Offers service without offers behind this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    async def answer(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    async with listening(answer, context) as port:
        yield f"https://localhost:{port}"


async def failure(base_url: str, ca_file: str | None) -> str:
    metrics = Metrics()
    gateway = gateway_of(base_url, GivenToken(TOKEN), limits=PATIENT, ca_file=ca_file, observe=metrics.upstream.call)
    with pytest.raises(OffersServiceUnavailable) as error:
        await gateway.offers_of(some_id())
    await gateway.aclose()
    assert TOKEN not in "".join(traceback.format_exception(error.value))
    assert counted(metrics, "aggregator_upstream_calls_total", call="offers", status="tls_failed") == 1
    return str(error.value)


async def test_a_private_authority_is_trusted_once_its_file_is_given(authority: trustme.CA, ca_file: str) -> None:
    async with https(authority.issue_cert("localhost")) as base_url:
        async with gateway_to(base_url, limits=PATIENT, ca_file=ca_file) as gateway:
            assert await gateway.offers_of(some_id()) == ObservedOffers({})
        reason = await failure(base_url, None)
    assert reason == "TLS failed: the certificate's issuer is unknown; put it into OFFERS_CA_FILE to trust it"


async def test_what_is_wrong_with_a_certificate_is_told(authority: trustme.CA, ca_file: str) -> None:
    wrongs = {
        authority.issue_cert("localhost", not_before=NOW - 9 * DAY, not_after=NOW - DAY): "the certificate has expired",
        authority.issue_cert("localhost", not_before=NOW + DAY): "the certificate is not valid yet, or the clock here",
        authority.issue_cert("offers.test"): "the certificate is for another host name",
        trustme.CA().issue_cert("localhost"): "the certificate's issuer is unknown",
    }
    for certificate, reason in wrongs.items():
        async with https(certificate) as base_url:
            assert (await failure(base_url, ca_file)).startswith(f"TLS failed: {reason}")


async def test_a_certificate_for_another_address(authority: trustme.CA, ca_file: str) -> None:
    async with https(authority.issue_cert("localhost")) as base_url:
        reason = await failure(base_url.replace("localhost", "127.0.0.1"), ca_file)
    assert reason == "TLS failed: the certificate is for another host name"


async def test_an_upstream_that_does_not_speak_tls_or_hangs_up() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        reason = await failure(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", None)
    assert reason == "TLS failed: the other side does not speak TLS"


def test_the_roots_of_the_system_and_certifi_are_trusted_together(
    authority: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    client_context.cache_clear()
    try:
        trusted = set(client_context(None).get_ca_certs(binary_form=True))
    finally:
        client_context.cache_clear()
    published = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    published.load_verify_locations(cafile=certifi.where())
    assert trusted.issuperset(published.get_ca_certs(binary_form=True))
    assert ssl.PEM_cert_to_DER_cert(Path(ca_file).read_text(encoding="ascii")) in trusted


def test_tls_is_verified_and_no_less_safe_than_pythons_own() -> None:
    context, usual = client_context(None), ssl.create_default_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert (context.options, context.minimum_version) == (usual.options, usual.minimum_version)

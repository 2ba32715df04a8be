"""TLS towards other services: the trusted certificates, and why a handshake failed, in words for operators."""

import functools
import ssl

import certifi

# The codes of OpenSSL's X509_verify_cert_error, see `man X509_STORE_CTX_get_error`.
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNKNOWN_ISSUER = frozenset({18, 19, 20, 21})
_WRONG_NAME = frozenset({62, 64})


@functools.cache
def client_context(ca_file: str | None) -> ssl.SSLContext:
    """Make the context of all pools: it trusts the system's roots, certifi's, and those in `ca_file`.

    The system's are where OpenSSL looks for them, SSL_CERT_FILE and SSL_CERT_DIR included. Cached, because reading the
    files takes 25 ms each.

    Raises:
        OSError: `ca_file` cannot be read, or has no certificate.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=certifi.where())
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def tls_failure(error: BaseException | None) -> str | None:
    """Return why TLS failed, None if an error has another cause; the text is OpenSSL's or ours, never the peer's."""
    found = None
    while error is not None:
        # The deepest one is the handshake's own; libraries wrap it in classes of theirs, without its details.
        found = error if isinstance(error, ssl.SSLError) else found
        error = error.__cause__
    if found is None:
        return None
    if isinstance(found, ssl.SSLCertVerificationError):
        return _certificate_problem(found)
    if found.reason == "WRONG_VERSION_NUMBER":
        return "the other side does not speak TLS"
    return (found.reason or "connection closed").lower().replace("_", " ")


def _certificate_problem(error: ssl.SSLCertVerificationError) -> str:
    match error.verify_code:
        case code if code == _EXPIRED:
            return "the certificate has expired"
        case code if code == _NOT_YET_VALID:
            return "the certificate is not valid yet, or the clock here is slow"
        case code if code in _WRONG_NAME:
            return "the certificate is for another host name"
        case code if code in _UNKNOWN_ISSUER:
            return "the certificate's issuer is unknown; put it into OFFERS_CA_FILE to trust it"
        case _:
            return f"the certificate is refused: {error.verify_message}"

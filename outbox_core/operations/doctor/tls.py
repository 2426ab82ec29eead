"""The TLS step: the handshake as the client does it, and the names and dates of the certificate."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from outbox_core.address import Address
from outbox_core.kafka_endpoint import Endpoint
from outbox_core.operations.doctor.network import CONNECT_SECONDS, each
from outbox_core.operations.doctor.step import Finding, Note, NotUsed, failed, warning
from outbox_core.people.humanize import duration

EXPIRES_SOON_SECONDS = 14 * 86_400.0
NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which the module ssl does not name."""
NOT_YET_VALID, EXPIRED, WRONG_NAME, WRONG_NUMBER = 9, 10, 62, 64
"""Results of OpenSSL's X509_verify_cert()."""
_NOT_TLS = ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING")
USED = {
    *("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_password", "ssl_crlfile", "ssl_ciphers"),
    *("ssl_check_hostname", "ssl_context", "ssl.ca.pem"),
}
"""The options of this step. kafka-python uses no others; librdkafka has more, such as keystores."""
Certificate = Mapping[str, Any]


def tls(endpoint: Endpoint, addresses: Sequence[Address]) -> Iterator[Note]:
    """A handshake with every address."""
    if not endpoint.uses_tls:
        yield NotUsed(f"security_protocol is {endpoint.protocol}")
        return
    unused = sorted(name for name in endpoint.options if name.startswith("ssl") and name not in USED)
    if unused:
        yield f"this step does without {', '.join(unused)}, which only the client uses: see login"
    try:
        context = context_of(endpoint)
    except (OSError, ValueError) as error:
        yield failed(
            f"The TLS options cannot be used: {str(error).rstrip('.')}.",
            "Check ssl_cafile, ssl_certfile, ssl_keyfile, ssl_password, ssl_crlfile and ssl_ciphers, and who "
            "may read the files.",
        )
        return
    for said in each(addresses, lambda address: _handshake(address, context)):
        yield _doubtful(said) if unused and isinstance(said, Finding) else said


def _doubtful(found: Finding) -> Finding:
    """A handshake that fails here may succeed with the options that this step does without."""
    return warning(found.text, found.remedy)


def context_of(endpoint: Endpoint) -> ssl.SSLContext:
    """The context that the client would use. Raises OSError or ssl.SSLError for a file."""
    options = endpoint.options
    if isinstance(given := options.get("ssl_context"), ssl.SSLContext):
        return given
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _set_verification(context, options)
    if options.get("ssl_certfile"):
        # Without a password, OpenSSL would ask for it at the terminal.
        password = options.get("ssl_password") or ""
        context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"), password)
    if options.get("ssl_ciphers"):
        context.set_ciphers(options["ssl_ciphers"])
    return context


def _set_verification(context: ssl.SSLContext, options: Mapping[str, Any]) -> None:
    context.check_hostname = options.get("ssl_check_hostname", True) is True
    if str(options.get("enable.ssl.certificate.verification", True)).lower() == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    file, text = options.get("ssl_cafile"), options.get("ssl.ca.pem")
    if text:
        context.load_verify_locations(cadata=text)
    elif file and file != "probe":  # librdkafka's name for the system's own files
        context.load_verify_locations(**{"capath" if os.path.isdir(file) else "cafile": file})
    else:
        context.load_default_certs()
    if options.get("ssl_crlfile"):
        context.load_verify_locations(options["ssl_crlfile"])
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF


def speaks_tls(address: Address) -> bool:
    """Whether a listener answers a TLS handshake, with whatever certificate."""
    try:
        _certificate(address, _trusting())
    except (OSError, UnicodeError):
        return False
    return True


def _handshake(address: Address, context: ssl.SSLContext) -> Iterator[Note]:
    try:
        wire = socket.create_connection(address, CONNECT_SECONDS)
    except (OSError, UnicodeError):
        return  # the step before has said so
    try:
        version, certificate = _secured(wire, address, context)
    except ssl.SSLCertVerificationError as error:
        shown = shown_by(address)
        yield from _described(address, shown)
        yield failed(*_refusal(address, error, shown))
    except OSError as error:
        yield failed(*_explained(address, error))
    else:
        certificate = certificate or shown_by(address)
        yield f"{address} speaks {version}"
        yield from _described(address, certificate)
        yield from _expiry(address, certificate)


def _certificate(address: Address, context: ssl.SSLContext) -> tuple[str, Certificate]:
    """The version of TLS, and the certificate, which is empty if the context does not verify it."""
    return _secured(socket.create_connection(address, CONNECT_SECONDS), address, context)


def _secured(wire: socket.socket, address: Address, context: ssl.SSLContext) -> tuple[str, Certificate]:
    with wire, context.wrap_socket(wire, server_hostname=address.host) as secured:
        return secured.version() or "TLS", secured.getpeercert() or {}


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def shown_by(address: Address) -> Certificate:
    """The certificate of a listener, also of one that the client refuses. Empty if it cannot be read.

    The module ssl decodes only a certificate that it trusts. So ask again, and trust this one.
    """
    with suppress(OSError, ValueError):
        text = ssl.get_server_certificate(address, timeout=CONNECT_SECONDS)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_flags |= ssl.VerifyFlags(ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME)
        context.load_verify_locations(cadata=text)
        return _certificate(address, context)[1]
    return {}


def _refusal(address: Address, error: ssl.SSLCertVerificationError, shown: Certificate) -> tuple[str, str]:
    text = f"The certificate of {address} is refused: {error.verify_message.rstrip('.')}."
    if error.verify_code == EXPIRED:
        return text, "Renew the broker's certificate. If it is valid, check the clock of this machine."
    if error.verify_code == NOT_YET_VALID:
        return text, "Check the clock of this machine, and the first day of the certificate."
    if error.verify_code in (WRONG_NAME, WRONG_NUMBER):
        names = ", ".join(names_of(shown)) or "none"
        return text, (
            f"Connect with a name that is in the certificate ({names}), or issue one that names "
            f"{address.host}."
        )
    return text, (
        "Set ssl_cafile to the certificate of the authority that issued it. Intermediate certificates "
        "belong to the broker's chain."
    )


def _explained(address: Address, error: OSError) -> tuple[str, str]:
    if isinstance(error, TimeoutError):
        return (
            f"{address} does not answer the TLS handshake within {CONNECT_SECONDS:g} s.",
            "The broker may be overloaded, or this listener does not speak TLS.",
        )
    reason = getattr(error, "reason", None)
    if not isinstance(reason, str) or reason in _NOT_TLS:
        return (
            f"{address} does not speak TLS.",
            "Use the port of a TLS listener, or set security_protocol to PLAINTEXT or SASL_PLAINTEXT.",
        )
    remedy = "The broker may require a client certificate (ssl_certfile), or other versions of TLS."
    return f"{address}: TLS handshake failed: {reason.replace('_', ' ').lower()}.", remedy


def _described(address: Address, certificate: Certificate) -> Iterator[str]:
    if certificate:
        names = ", ".join(names_of(certificate)) or "no name"
        first, last = (datetime.fromtimestamp(at, UTC).date() for at in _dates(certificate))
        yield f"{address} has a certificate for {names}, valid {first} to {last}, by {_issuer(certificate)}"


def _expiry(address: Address, certificate: Certificate) -> Iterator[Note]:
    left = _dates(certificate)[1] - time.time() if certificate else EXPIRES_SOON_SECONDS
    if left < EXPIRES_SOON_SECONDS:
        when = f"expires in {duration(left)}" if left > 0 else "has expired"
        yield warning(
            f"The certificate of {address} {when}.",
            "Renew it. Clients refuse the broker when it has expired.",
        )


def names_of(certificate: Certificate) -> list[str]:
    """The host names and addresses that a certificate is for."""
    names = [
        str(name) for kind, name in certificate.get("subjectAltName", ()) if kind in ("DNS", "IP Address")
    ]
    return names or [
        value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"
    ]


def _issuer(certificate: Certificate) -> str:
    parts = {key: value for part in certificate.get("issuer", ()) for key, value in part}
    return parts.get("commonName") or parts.get("organizationName") or "an unnamed issuer"


def _dates(certificate: Certificate) -> tuple[int, int]:
    return (
        ssl.cert_time_to_seconds(certificate["notBefore"]),
        ssl.cert_time_to_seconds(certificate["notAfter"]),
    )

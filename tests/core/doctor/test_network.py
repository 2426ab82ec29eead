"""DNS, TCP and TLS: what is wrong on the way to a port, and the remedy that fits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from outbox_core.address import Address
from outbox_core.kafka_endpoint import Endpoint, broker_address
from outbox_core.operations.doctor import network
from outbox_core.operations.doctor import tls as doctor_tls
from outbox_core.operations.doctor.step import Outcome, Result
from outbox_core.operations.doctor.tls import speaks_tls, tls
from tests.core.doctor.certificates import Authority, Certificate, authority, showing
from tests.core.doctor.clusters import problem
from tests.publishers.listeners import speaking_tls

__all__ = ["authority"]
NOWHERE = Address("nowhere.invalid", 9092)
CLOSED = Address("127.0.0.1", 1)


def result(*said: Any) -> Result:
    return Result.of("step", list(said), 0.0)


def test_a_host_without_an_address() -> None:
    found = result(*network.dns([NOWHERE]))
    assert found.outcome is Outcome.FAILED
    assert NOWHERE.host in problem(found).text


def test_one_host_that_is_found_is_enough_to_go_on() -> None:
    assert result(*network.dns([NOWHERE, Address("localhost", 1)])).outcome is Outcome.WARNING


def test_an_address_needs_no_dns() -> None:
    assert result(*network.dns([CLOSED])).outcome is Outcome.NOT_USED


def test_a_closed_port(listener: Address) -> None:
    found = result(*network.tcp([CLOSED]))
    assert found.outcome is Outcome.FAILED
    assert str(CLOSED) in problem(found).text
    assert result(*network.tcp([CLOSED, listener])).outcome is Outcome.WARNING
    assert result(*network.tcp([listener])).outcome is Outcome.OK


def handshake(port: int, ca: Path | None, host: str = "localhost", **options: Any) -> Result:
    files = {"ssl_cafile": str(ca)} if ca else {}
    endpoint = Endpoint.of(
        {"bootstrap_servers": f"{host}:{port}", "security_protocol": "SSL", **files, **options}
    )
    return result(*tls(endpoint, endpoint.addresses))


def shown(authority: Authority, certificate: Certificate, **options: Any) -> Result:
    with showing(certificate) as port:
        return handshake(port, authority.file, **options)


def test_a_certificate_that_is_well_is_shown_with_names_and_dates(authority: Authority) -> None:
    found = shown(authority, authority.issue("DNS:localhost", "IP:127.0.0.1"))
    assert found.outcome is Outcome.OK
    assert "localhost, 127.0.0.1" in " ".join(found.facts)
    assert "Test authority" in " ".join(found.facts)


def test_a_certificate_that_expires_soon(authority: Authority) -> None:
    assert shown(authority, authority.issue("DNS:localhost", days=2)).outcome is Outcome.WARNING


def test_an_expired_certificate_is_shown_with_its_dates(authority: Authority) -> None:
    found = shown(authority, authority.issue("DNS:localhost", days=-1))
    assert found.outcome is Outcome.FAILED
    assert "expired" in problem(found).text
    assert "valid 20" in " ".join(found.facts)


def test_a_certificate_of_another_name_is_shown_with_its_names(authority: Authority) -> None:
    certificate = authority.issue("DNS:kafka.example")
    found = shown(authority, certificate)
    assert found.outcome is Outcome.FAILED
    assert "kafka.example" in problem(found).remedy
    by_number = shown(authority, certificate, host="127.0.0.1")
    assert "kafka.example" in problem(by_number).remedy
    unchecked: dict[str, Any] = {"ssl.endpoint.identification.algorithm": "none"}
    assert shown(authority, certificate, **unchecked).outcome is Outcome.OK


def test_an_authority_that_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    certificate = authority.issue("DNS:localhost")
    with showing(certificate) as port:
        found = handshake(port, Authority(tmp_path).file)
        assert found.outcome is Outcome.FAILED
        assert "ssl_cafile" in problem(found).remedy
        assert "localhost" in " ".join(found.facts)
        unverified: dict[str, Any] = {"enable.ssl.certificate.verification": False}
        assert handshake(port, Authority(tmp_path).file, **unverified).outcome is Outcome.OK


def test_a_listener_without_tls() -> None:
    with speaking_tls(b"") as text:
        address = broker_address(text)
        found = handshake(address.port, None)
        assert not speaks_tls(address)
    assert found.outcome is Outcome.FAILED
    assert "PLAINTEXT" in problem(found).remedy


def test_a_ca_file_that_is_not_there(tmp_path: Path) -> None:
    assert handshake(1, tmp_path / "missing.pem").outcome is Outcome.FAILED


@pytest.mark.parametrize("option", ["ssl_ciphers", "ssl.cipher.suites"])
def test_the_ciphers_of_the_client_are_used(authority: Authority, option: str) -> None:
    with showing(authority.issue("DNS:localhost")) as port:
        assert handshake(port, authority.file, **{option: "ECDHE+AESGCM"}).outcome is Outcome.OK
        refused = handshake(port, authority.file, **{option: "no-such-cipher"})
    assert "ssl_ciphers" in problem(refused).remedy


def test_a_list_of_revoked_certificates_is_used(authority: Authority, tmp_path: Path) -> None:
    """OpenSSL finds none of this authority in the file, so nothing says that the certificate is
    not revoked.
    """
    with showing(authority.issue("DNS:localhost")) as port:
        found = handshake(port, authority.file, ssl_crlfile=str(authority.file))
    assert found.outcome is Outcome.FAILED
    assert "CRL" in problem(found).text


def test_options_of_the_client_that_this_step_does_without_are_named(
    authority: Authority, tmp_path: Path
) -> None:
    """What fails here may succeed with them, so the steps behind it are tried."""
    only_the_client: dict[str, Any] = {"ssl.keystore.location": "x.p12", "ssl.key.pem": "a key"}
    with showing(authority.issue("DNS:localhost")) as port:
        well = handshake(port, authority.file, **only_the_client)
        found = handshake(port, Authority(tmp_path).file, **only_the_client)
    assert "ssl.key.pem, ssl.keystore.location" in well.facts[0]
    assert "a key" not in repr(well)
    assert (well.outcome, found.outcome) == (Outcome.OK, Outcome.WARNING)


def test_tls_that_is_not_asked_for() -> None:
    endpoint = Endpoint.of({"bootstrap_servers": "localhost:1"})
    assert result(*tls(endpoint, endpoint.addresses)).outcome is Outcome.NOT_USED


def test_a_listener_that_does_not_answer_is_not_called_plaintext(
    listener: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who follows that remedy sends the password in clear."""
    monkeypatch.setattr(doctor_tls, "CONNECT_SECONDS", 0.3)
    found = handshake(listener.port, None, host="127.0.0.1")
    assert found.outcome is Outcome.FAILED
    assert "PLAINTEXT" not in problem(found).remedy


def test_a_closed_port_is_the_step_before(authority: Authority) -> None:
    assert not handshake(CLOSED.port, authority.file, host=CLOSED.host).findings


def test_a_folder_of_authorities(authority: Authority, tmp_path: Path) -> None:
    hashed = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", str(authority.file)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    shutil.copy(authority.file, tmp_path / f"{hashed.stdout.strip()}.0")
    with showing(authority.issue("DNS:localhost")) as port:
        assert handshake(port, tmp_path).outcome is Outcome.OK


def test_a_key_with_a_password_asks_nobody(authority: Authority, tmp_path: Path, listener: Address) -> None:
    made = authority.issue("DNS:client")
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "pkey", "-aes256", "-passout", "pass:x", "-in", str(made.key), "-out", str(locked)],
        check=True,
    )
    files = {"ssl_certfile": str(made.certificate), "ssl_keyfile": str(locked)}
    found = handshake(listener.port, authority.file, **files)
    assert "ssl_password" in problem(found).remedy


def test_a_name_that_cannot_be_one_beside_a_good_one(listener: Address) -> None:
    found = result(*network.tcp([Address("a..b", 9092), listener]))
    assert found.outcome is Outcome.OK

"""outbox_doctor on the way to a broker that encrypts, through each client that publishes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack import ports
from devstack.kafka.properties import Node
from outbox_core.operations.doctor.step import Outcome
from tests.core.doctor.certificates import Authority, Certificate, authority
from tests.core.doctor.clusters import problem
from tests.publishers.broker import Broker, running
from tests.publishers.test_doctor import Examine, closed_at, examine, way

__all__ = ["authority", "examine", "way"]
pytestmark = pytest.mark.real_kafka


class EncryptedBroker(Broker):
    """It has one more listener, ``encrypted``, which shows a certificate."""

    def __init__(self, certificate: Certificate, keystore: Path) -> None:
        keystore.write_text(certificate.key.read_text() + certificate.certificate.read_text())
        keystore.chmod(0o644)
        self._keystore = keystore
        self._tls_port = ports.reserve()
        super().__init__()
        self.encrypted = f"localhost:{int(self._tls_port)}"
        self.by_number = f"127.0.0.1:{int(self._tls_port)}"

    def _listeners(self, node: Node) -> dict[str, str]:
        given, port = super()._listeners(node), int(self._tls_port)
        more = {
            "listeners": f"TLS://127.0.0.1:{port}",
            "advertised.listeners": f"TLS://localhost:{port}",
            "listener.security.protocol.map": "TLS:SSL",
        }
        return {
            **given,
            **{name: f"{given[name]},{value}" for name, value in more.items()},
            "listener.name.tls.ssl.keystore.type": "PEM",
            "listener.name.tls.ssl.keystore.location": str(self._keystore),
        }

    def close(self) -> None:
        super().close()
        self._tls_port.release()


@pytest.fixture(scope="module")
def encrypted(authority: Authority) -> Iterator[EncryptedBroker]:
    certificate = authority.issue("DNS:localhost")
    keystore = certificate.certificate.with_suffix(".keystore")
    with running(lambda: EncryptedBroker(certificate, keystore)) as broker:
        yield broker


@pytest.fixture
def secured(examine: Examine, authority: Authority) -> Callable[..., object]:
    """Walk to an address with TLS; ``ca`` is another authority."""
    return lambda address, topic="", ca=authority.file, **options: examine(
        address, topic, security_protocol="SSL", ssl_cafile=str(ca), **options
    )


def test_a_certificate_that_is_well(encrypted: EncryptedBroker, secured: Examine) -> None:
    found = secured(encrypted.encrypted, encrypted.topic())
    assert {name: each.outcome for name, each in found.items()} == dict.fromkeys(found, Outcome.OK)
    facts = " ".join(found["tls"].facts)
    assert "a certificate for localhost, valid 20" in facts
    assert "Test authority" in facts


def test_a_certificate_of_another_name(encrypted: EncryptedBroker, secured: Examine) -> None:
    found = secured(encrypted.by_number)
    assert closed_at(found) == "tls"
    assert "localhost" in problem(found["tls"]).remedy


def test_without_the_check_of_the_name_it_goes_on(encrypted: EncryptedBroker, secured: Examine) -> None:
    found = secured(encrypted.by_number, encrypted.topic(), ssl_check_hostname=False)
    assert {each.outcome for each in found.values()} <= {Outcome.OK, Outcome.NOT_USED}


def test_an_authority_that_is_not_trusted(
    encrypted: EncryptedBroker, secured: Examine, tmp_path: Path
) -> None:
    found = secured(encrypted.encrypted, ca=Authority(tmp_path).file)
    assert closed_at(found) == "tls"
    assert "ssl_cafile" in problem(found["tls"]).remedy


def test_plaintext_against_its_listener(encrypted: EncryptedBroker, examine: Examine) -> None:
    found = examine(encrypted.encrypted)
    assert closed_at(found) == "login"
    assert "set security_protocol to SSL or SASL_SSL" in problem(found["login"]).remedy

"""Where and how a Kafka client connects, from its options in either spelling. It shows no password. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outbox_core.address import Address
from outbox_core.kafka_options import BY_NAME, SERVERS
from outbox_core.people.names import SecretNames
from outbox_core.people.redaction import HIDDEN

PORT = 9092
PROXIES = ("proxy_url", "socks5_proxy")
SECRET_NAMES = SecretNames(more=(*PROXIES, "ssl.key.pem", "sasl.oauthbearer.config"))
_ADDRESS = re.compile(r"(?:\w+://)?(?P<host>\[[^\]]+\]|[^:]*)(?::(?P<port>\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The addresses of Kafka, and what the client does there. ``options`` have kafka-python's names."""

    addresses: tuple[Address, ...]
    protocol: str
    options: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Endpoint:
        """From the options of either client."""
        plain = dict(_plain(name, value) for name, value in options.items())
        servers = plain.get(SERVERS) or []
        servers = [servers] if isinstance(servers, str) else servers
        return cls(
            addresses=tuple(map(broker_address, servers)),
            protocol=str(plain.get("security_protocol") or "PLAINTEXT"),
            options=plain,
        )

    @property
    def uses_tls(self) -> bool:
        return self.protocol.endswith("SSL")

    @property
    def uses_sasl(self) -> bool:
        return self.protocol.startswith("SASL")

    @property
    def proxy(self) -> str:
        """The option of a proxy, through which everything goes; empty without one."""
        return next((name for name in PROXIES if self.options.get(name)), "")

    def hide(self, text: str) -> str:
        """A text of the client without the secrets that its options hold."""
        for name, value in self.options.items():
            if isinstance(value, str) and value and name in SECRET_NAMES:
                text = text.replace(value, HIDDEN)
        return text

    def __str__(self) -> str:
        return f"{', '.join(map(str, self.addresses)) or 'no address'} ({self.login})"

    @property
    def login(self) -> str:
        """How the client logs in, as text."""
        if not self.uses_sasl:
            return f"no login, {self.protocol}"
        user = self.options.get("sasl_plain_username")
        return f"SASL {self.options.get('sasl_mechanism') or 'GSSAPI'}" + (f" as {user}" if user else "")

    @property
    def principal(self) -> str:
        """The principal of this client in an ACL, as far as it is known."""
        return f"User:{self.options.get('sasl_plain_username') or 'NAME'}"


def broker_address(text: str) -> Address:
    """From ``host``, ``host:port``, ``[::1]:port`` or ``PROTOCOL://host:port``."""
    found = _ADDRESS.fullmatch(text.strip())
    if found is None:  # an IPv6 address without brackets
        return Address(text.strip(), PORT)
    return Address(found["host"].strip("[]"), int(found["port"] or PORT))


def _plain(name: str, value: Any) -> tuple[str, Any]:
    option = BY_NAME.get(name)
    return (option.python or name, option.kind.plain(value)) if option else (name, value)

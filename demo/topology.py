"""The databases, topics and groups of one demo, and the environment variables that name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

TOPICS = ("shop.customers", "shop.orders", "shop.products", "shop.deployments")
PARTITIONS = 3


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the example. ``topics`` are those that it reads."""

    name: str
    settings: str
    topics: tuple[str, ...] = ()

    @property
    def url_variable(self) -> str:
        return f"{self.name.upper()}_DATABASE_URL"


SHOP = Service("shop", "shop.settings")
CRM = Service("crm", "consumers.crm.settings", ("shop.customers", "shop.orders"))
ANALYTICS = Service("analytics", "consumers.analytics.settings", TOPICS)
NOTIFICATIONS = Service("notifications", "consumers.notifications.settings", ("shop.customers",))
CONSUMERS = (CRM, ANALYTICS, NOTIFICATIONS)
SERVICES = (SHOP, *CONSUMERS)


@dataclass(frozen=True, slots=True)
class Topology:
    """``token`` makes this demo's names unique on shared servers. Empty: the servers are its own."""

    database_url: str
    bootstrap_servers: str
    token: str = ""

    def database(self, service: Service) -> str:
        return f"{service.name}_demo_{self.token}" if self.token else service.name

    def url(self, service: Service) -> str:
        return urlunsplit(urlsplit(self.database_url)._replace(path=f"/{self.database(service)}"))

    @property
    def prefix(self) -> str:
        return f"demo-{self.token}." if self.token else ""

    @property
    def topics(self) -> list[str]:
        return [self.prefix + topic for topic in TOPICS]

    def group(self, service: Service) -> str:
        """The consumer group of a service."""
        return self.prefix + service.name

    def environ(self) -> Mapping[str, str]:
        """The environment of every process of this demo."""
        return {
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": self.prefix,
            **{service.url_variable: self.url(service) for service in SERVICES},
        }

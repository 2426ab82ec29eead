"""What one demo calls its own: databases, topics and groups, and the environment that tells the services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

TOPICS = ("shop.customers", "shop.orders", "shop.products", "shop.deployments")
PARTITIONS = 3


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the example. ``topics`` are those that it listens to."""

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
    """``token`` sets this demo's names apart on servers that it shares; empty: it has them to itself."""

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
        """What every process of this demo is started with."""
        return {
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": self.prefix,
            **{service.url_variable: self.url(service) for service in SERVICES},
        }

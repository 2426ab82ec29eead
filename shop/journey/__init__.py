"""Shows where the events of an order are: shop, outbox, Kafka, and the consuming services."""

from shop.journey.journey import Journey

__all__ = ["Journey"]

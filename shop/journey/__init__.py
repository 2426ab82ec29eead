"""How far an order has come: in the shop, in the outbox, in Kafka, and in the services that listen."""

from shop.journey.journey import Journey

__all__ = ["Journey"]

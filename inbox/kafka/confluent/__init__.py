"""Kafka through confluent-kafka (librdkafka), which takes a third less CPU an event than kafka-python."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

try:
    import confluent_kafka  # noqa: F401
except ImportError as error:
    raise ImproperlyConfigured(
        "The backend confluent needs the package confluent-kafka: "
        "pip install 'django-outbox-relay[confluent]'."
    ) from error

from inbox.kafka.confluent.connections import Confluent

__all__ = ["Confluent"]

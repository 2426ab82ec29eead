"""The publisher on confluent-kafka (librdkafka), about three times as fast as the one on kafka-python."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

try:
    import confluent_kafka  # noqa: F401
except ImportError as error:
    raise ImproperlyConfigured(
        "ConfluentPublisher needs the package confluent-kafka: pip install 'django-outbox-relay[confluent]'."
    ) from error

from relay.publishers.confluent.publisher import ConfluentPublisher

__all__ = ["ConfluentPublisher"]

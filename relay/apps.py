"""The Django app of the relay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import AppConfig, apps
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from datetime import datetime

    from outbox.search.in_kafka import Lookup


class RelayConfig(AppConfig):
    """The reusable app: system checks and the command ``run_relay``."""

    name = "relay"
    verbose_name = "Relay"

    def ready(self) -> None:
        import outbox

        if not hasattr(outbox, "emit"):
            raise ImproperlyConfigured(
                "The relay needs the package 'outbox' of django-outbox-relay, and imports "
                f"{outbox.__file__!r} instead: rename that package."
            )
        from outbox.search import in_kafka
        from relay import checks  # noqa: F401

        in_kafka.register(_find)
        if apps.is_installed("outbox"):  # otherwise relay.E007 says that it is missing
            from outbox.operations import auditing
            from relay.audit.operation.audits import Audits

            auditing.register(Audits())


def _find(topic: str, event_id: str, since: datetime, seconds: float) -> Lookup:
    """Find an event in Kafka. The Kafka client is imported only now, because most web processes never need
    it.
    """
    from relay import lookup

    return lookup.find(topic, event_id, since, seconds)

"""The Django app of the outbox: it registers checks and finds events and receivers."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class OutboxConfig(AppConfig):
    name = "outbox"
    verbose_name = "Outbox"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from outbox import discovery
        from outbox.capture import batches
        from outbox.checks import setup
        from outbox.log import seed, tables

        tables.qualify_models()
        setup.register_all()
        batches.capture_batches()
        post_migrate.connect(seed.seed_after_migrate, sender=self, dispatch_uid="outbox.log.seed")
        discovery.discover()

"""The Django app of the relay."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured


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
        from relay import checks  # noqa: F401

from __future__ import annotations

from django.apps import AppConfig


class RelayConfig(AppConfig):
    """The reusable app: system checks and the command ``run_relay``."""

    name = "relay"
    verbose_name = "Relay"

    def ready(self) -> None:
        from relay import checks  # noqa: F401

"""The Django app of the inbox: it registers checks and log lines, and finds the handlers."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class InboxConfig(AppConfig):
    name = "inbox"
    verbose_name = "Inbox"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from inbox import (
            checks,  # noqa: F401
            log_lines,  # noqa: F401
        )

        autodiscover_modules("handlers")

"""The processes of consumers, and the ledger."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from inbox.admin.base import InboxAdmin
from inbox.models import Instance, Ledger
from outbox_core.people.ledger_admin import LedgerAdmin
from outbox_core.people.text import line

COLUMNS = ("consumer", "host", "pid", "state", "detail_shown", "partitions", "handled", "heartbeat_at")


@admin.register(Ledger)
class InboxLedgerAdmin(InboxAdmin, LedgerAdmin):
    has_consumers = True


@admin.register(Instance)
class InstanceAdmin(InboxAdmin):
    list_display = COLUMNS
    ordering = ("consumer", "started_at")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Workers have a column if there are some."""
        has_workers = self.get_queryset(request).filter(workers__gt=0).exists()
        return (*COLUMNS, "workers") if has_workers else COLUMNS

    @admin.display(description="detail")
    def detail_shown(self, instance: Instance) -> str:
        return line(instance.detail)

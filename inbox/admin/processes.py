"""The processes of consumers, and the ledger."""

from __future__ import annotations

from django.contrib import admin

from inbox.admin.base import InboxAdmin
from inbox.models import Instance, Ledger
from outbox_core.people.ledger_admin import LedgerAdmin
from outbox_core.people.text import line


@admin.register(Ledger)
class InboxLedgerAdmin(InboxAdmin, LedgerAdmin):
    has_consumers = True


@admin.register(Instance)
class InstanceAdmin(InboxAdmin):
    list_display = (
        *("consumer", "host", "pid", "state", "detail_shown", "partitions"),
        *("handled", "heartbeat_at"),
    )
    ordering = ("consumer", "started_at")

    @admin.display(description="detail")
    def detail_shown(self, instance: Instance) -> str:
        return line(instance.detail)

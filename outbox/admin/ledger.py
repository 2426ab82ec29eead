"""The outbox's ledger in the admin."""

from __future__ import annotations

from django.contrib import admin

from outbox.models import Ledger
from outbox_core.people.ledger_admin import LedgerAdmin


@admin.register(Ledger)
class OutboxLedgerAdmin(LedgerAdmin):
    class Media:
        css = {"all": ["outbox/admin.css"]}

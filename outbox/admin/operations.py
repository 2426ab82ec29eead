"""The operations of the outbox in the admin."""

from __future__ import annotations

from django.contrib import admin

from outbox.admin import databases
from outbox.models import Operation
from outbox.operations.bulk import operations
from outbox_core.people.operations.admin import OperationAdmin

PROCESSES = "manage.py run_relay"


@admin.register(Operation)
class OutboxOperationAdmin(OperationAdmin):
    operations = operations
    processes = PROCESSES
    hidden_fields = ("consumer",)

    class Media:
        css = {"all": ["outbox/admin.css"]}
        js = ["outbox/refresh.js"]

    @property
    def using(self) -> str:
        return databases.home()

"""The operations of the outbox in the admin."""

from __future__ import annotations

from django.contrib import admin

from outbox.admin import databases
from outbox.models import Operation
from outbox.operations.bulk import operations
from outbox_core.people.operations.admin import OperationAdmin


@admin.register(Operation)
class OutboxOperationAdmin(OperationAdmin):
    operations = operations
    database = staticmethod(databases.home)
    hidden_fields = ("consumer",)

"""The operations of the inbox in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from inbox.conf import settings
from inbox.models import Operation
from inbox.operations.bulk import operations
from outbox_core.people.operations.admin import OperationAdmin

PROCESSES = "manage.py run_consumer"


@admin.register(Operation)
class InboxOperationAdmin(OperationAdmin):
    operations = operations
    processes = PROCESSES
    hidden_fields = ("to",)

    class Media:
        css = {"all": ["inbox/admin.css"]}
        js = ["inbox/refresh.js"]

    @property
    def using(self) -> str:
        return settings().database

    def may_see_errors(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("inbox.view_payload"))

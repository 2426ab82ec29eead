"""The operations of the inbox in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from inbox.conf import settings
from inbox.models import Operation
from inbox.operations.bulk import operations
from outbox_core.people.operations.admin import OperationAdmin


@admin.register(Operation)
class InboxOperationAdmin(OperationAdmin):
    operations = operations
    database = staticmethod(lambda: settings().database)
    hidden_fields = ("to",)

    def may_see_errors(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("inbox.view_payload"))

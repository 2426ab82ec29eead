"""The operations of the outbox in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse

from outbox.admin import databases
from outbox.admin.auditing import NewAuditView
from outbox.admin.backfilling import NewBackfillView
from outbox.models import Operation
from outbox.operations.bulk import AUDIT, BACKFILL, operations
from outbox_core.people.operations.admin import OperationAdmin


@admin.register(Operation)
class OutboxOperationAdmin(OperationAdmin):
    operations = operations
    database = staticmethod(databases.home)
    hidden_fields = ("consumer",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        backfill = view(NewBackfillView.as_view(model_admin=self))
        audit = view(NewAuditView.as_view(model_admin=self))
        return [
            path("backfill/", backfill, name="outbox_operation_backfill"),
            path("audit/", audit, name="outbox_operation_audit"),
            *super().get_urls(),
        ]

    def tools(self, request: HttpRequest) -> list[tuple[str, str]]:
        more = [
            (BACKFILL, "New backfill", reverse("admin:outbox_operation_backfill")),
            (AUDIT, "New audit", reverse("admin:outbox_operation_audit")),
        ]
        may = [(name, url) for verb, name, url in more if request.user.has_perm(verb.permission)]
        return [*super().tools(request), *may]

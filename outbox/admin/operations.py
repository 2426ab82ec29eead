"""The operations of the outbox in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse

from outbox.admin import databases
from outbox.admin.backfilling import NewBackfillView
from outbox.models import Operation
from outbox.operations.bulk import BACKFILL, operations
from outbox_core.people.operations.admin import OperationAdmin


@admin.register(Operation)
class OutboxOperationAdmin(OperationAdmin):
    operations = operations
    database = staticmethod(databases.home)
    hidden_fields = ("consumer",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(NewBackfillView.as_view(model_admin=self))
        return [path("backfill/", view, name="outbox_operation_backfill"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may = request.user.has_perm(BACKFILL.permission)
        backfill = {"backfill_url": reverse("admin:outbox_operation_backfill") if may else ""}
        return super().changelist_view(request, {**backfill, **(extra_context or {})})

"""The list of operations and the page of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.forms import Media
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from outbox_core.operations.bulk.model import BulkOperation
from outbox_core.operations.bulk.operations import Operations
from outbox_core.operations.bulk.words import counts, percent, progress, state, tone
from outbox_core.people.admin import ReadOnlyAdmin
from outbox_core.people.ledger_admin import history
from outbox_core.people.markup import ago, badge
from outbox_core.people.operations.shown import shown
from outbox_core.people.operations.views import PAST, ChangeOperationView, NewOperationView
from outbox_core.people.text import line


class OperationAdmin(ReadOnlyAdmin):
    """Operations, the newest first. ``database`` returns the alias of their database."""

    title = "Operations"
    operations: Operations
    database: Callable[[], str]
    hidden_fields: ClassVar[tuple[str, ...]] = ()
    """Fields of the form that this side does not have."""
    list_display = ("name", "state_shown", "bar", "scope_shown", "who_shown", "began")
    list_display_links = ("name",)
    list_filter = ("state",)
    lookups = frozenset({"state__exact"})
    ordering = ("-id",)
    fields = ("name",)
    readonly_fields = fields

    @property
    def media(self) -> Media:
        app = self.opts.app_label
        return super().media + Media(css={"all": [f"{app}/admin.css"]}, js=[f"{app}/refresh.js"])

    def may_see_errors(self, request: HttpRequest) -> bool:
        """Whether a preview may show this user texts that can quote payloads."""
        return True

    def template(self, name: str) -> str:
        return f"admin/{self.opts.app_label}/operation/{name}.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).using(self.database())

    def get_urls(self) -> list[URLPattern]:
        view, app = self.admin_site.admin_view, self.opts.app_label
        changes = [
            path(
                f"<int:pk>/{change}/",
                view(ChangeOperationView.as_view(model_admin=self, change=change)),
                name=f"{app}_operation_{change}",
            )
            for change in PAST
        ]
        new = view(NewOperationView.as_view(model_admin=self))
        return [path("new/", new, name=f"{app}_operation_new"), *changes, *super().get_urls()]

    def may_begin(self, request: HttpRequest) -> bool:
        """Whether this user may use a verb that takes a selection."""
        return any(request.user.has_perm(verb.permission) for verb in self.operations.selecting.values())

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {"tools": self.tools(request), **(extra_context or {})})

    def tools(self, request: HttpRequest) -> list[tuple[str, str]]:
        """The pages that begin an operation, as far as this user may: what they are called, and where."""
        new = ("New operation", reverse(f"admin:{self.opts.app_label}_operation_new"))
        return [new] if self.may_begin(request) else []

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        context: dict[str, Any] = {"list_url": reverse(f"admin:{self.opts.app_label}_operation_changelist")}
        row = self.get_object(request, object_id)
        if row and self.has_view_permission(request, row):  # otherwise Django's own view refuses it
            context["operation"] = shown(row, self.operations, request)
            entries = self.operations.ledger._default_manager.using(self.database())
            context["history"] = history(entries.of_operation(row.pk, row.ledger_id))
        return context

    @admin.display(description="operation")
    def name(self, row: BulkOperation) -> str:
        return f"{row.pk}: {row.verb}"

    @admin.display(description="state")
    def state_shown(self, row: BulkOperation) -> SafeString:
        return badge(state(row, self.operations), tone(row, self.operations))

    @admin.display(description="progress")
    def bar(self, row: BulkOperation) -> SafeString:
        return format_html(
            '<progress max="100" value="{0}" aria-label="operation {1}">{0} %</progress> {2}'
            '<p class="help">{3}</p>',
            percent(row),
            row.pk,
            counts(row),
            progress(row, self.operations),
        )

    @admin.display(description="scope")
    def scope_shown(self, row: BulkOperation) -> str:
        return line(row.scope, 200)

    @admin.display(description="who")
    def who_shown(self, row: BulkOperation) -> str:
        return line(row.who, 120)

    @admin.display(description="began")
    def began(self, row: BulkOperation) -> SafeString:
        return ago(row.began_at)

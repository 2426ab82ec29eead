"""The ledger in the admin: a list with filters, and the history on the pages of events and holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from outbox_core.operations.ledger import LedgerEntry, LedgerQuerySet
from outbox_core.people.admin import ReadOnlyAdmin
from outbox_core.people.humanize import amount
from outbox_core.people.ledger_export import FORMATS
from outbox_core.people.ledger_list import ByFilter, LedgerList, OutcomeFilter
from outbox_core.people.markup import ago, pairs, wide
from outbox_core.people.text import line

SHOWN = 20
LONG = timedelta(seconds=1)


class LedgerAdmin(ReadOnlyAdmin):
    """Who did what, newest first: people, and processes by themselves."""

    title = "Ledger"
    list_display = (
        *("when", "who_shown", "verb", "scope_shown"),
        *("count_shown", "outcome", "reason_shown"),
    )
    list_display_links = ("when",)
    list_filter = (ByFilter, "verb", OutcomeFilter, "at")
    lookups = frozenset({"by", "verb__exact", "outcome", "at__gte", "at__lt"})
    ordering = ("-id",)
    search_fields = ("who", "scope", "reason")
    search_help_text = "Part of who, scope or reason."
    fields = (
        *("when", "last", "who_shown", "verb", "scope_shown", "selection_shown"),
        *("count_shown", "outcome", "before_shown", "reason_shown"),
    )
    readonly_fields = (*fields, "changes_shown")
    has_consumers = False
    """Whether entries name the consumer that they concern."""

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Hides the changes of a payload from users who may not see payloads."""
        if obj is None or obj.changes is None:
            return self.fields
        if not request.user.has_perm(f"{self.opts.app_label}.view_payload"):
            return self.fields
        return (*self.fields, "changes_shown")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LedgerList

    def get_urls(self) -> list[URLPattern]:
        export = self.admin_site.admin_view(self.export)
        return [
            path("export.<str:kind>", export, name=f"{self.opts.app_label}_ledger_export"),
            *super().get_urls(),
        ]

    def export(self, request: HttpRequest, kind: str) -> StreamingHttpResponse:
        """All entries that match the filters of the list, also those beyond its count."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if kind not in FORMATS:
            raise Http404
        try:
            entries: Any = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters as error:
            raise SuspiciousOperation("The filters of the export are wrong.") from error
        return FORMATS[kind](entries, f"{self.opts.app_label}-ledger")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        url = f"admin:{self.opts.app_label}_ledger_export"
        urls = {f"{kind}_url": reverse(url, args=[kind]) for kind in FORMATS}
        return super().changelist_view(request, {**urls, **(extra_context or {})})

    @admin.display(description="at", ordering="id")
    def when(self, entry: LedgerEntry) -> SafeString:
        later = format_html(", last {}", ago(entry.last_at)) if entry.last_at - entry.at > LONG else ""
        return format_html("{} ({}{})", f"{entry.at:%Y-%m-%d %H:%M:%S %Z}", ago(entry.at), later)

    @admin.display(description="last")
    def last(self, entry: LedgerEntry) -> SafeString:
        return format_html("{} ({})", f"{entry.last_at:%Y-%m-%d %H:%M:%S %Z}", ago(entry.last_at))

    @admin.display(description="who")
    def who_shown(self, entry: LedgerEntry) -> str:
        return line(entry.who)

    @admin.display(description="scope")
    def scope_shown(self, entry: LedgerEntry) -> str:
        return line(entry.scope)

    @admin.display(description="count")
    def count_shown(self, entry: LedgerEntry) -> str:
        return amount(entry.count)

    @admin.display(description="reason")
    def reason_shown(self, entry: LedgerEntry) -> str:
        return line(entry.reason)

    @admin.display(description="selection")
    def selection_shown(self, entry: LedgerEntry) -> SafeString | str:
        found = entry.selection.items()
        return pairs((line(name, 60), line(value, 2_000)) for name, value in found) if found else "-"

    @admin.display(description="changes")
    def changes_shown(self, entry: LedgerEntry) -> SafeString:
        return pairs((line(name, 200), line(value, 1_000)) for name, value in (entry.changes or {}).items())

    @admin.display(description="before")
    def before_shown(self, entry: LedgerEntry) -> str:
        return line(entry.before, 2_000) or "-"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return super().get_search_results(request, queryset, search_term[:200])


def history(entries: LedgerQuerySet) -> SafeString:
    """The newest entries, for the page of the event or hold that they concern."""
    rows = [
        (
            ago(entry.last_at),
            line(entry.who, 120),
            entry.verb,
            line(entry.scope, 120),
            amount(entry.count),
            entry.outcome,
            line(entry.reason, 200),
        )
        for entry in entries.order_by("-pk")[:SHOWN]
    ]
    if not rows:
        return mark_safe("The ledger has nothing about it.")
    names = ("When", "Who", "What", "Scope", "Count", "Outcome", "Reason")
    table = format_html(
        '<table class="outbox-history"><thead><tr>{}</tr></thead>{}</table>',
        format_html_join("", "<th>{}</th>", ((name,) for name in names)),
        format_html_join("", "<tr>" + "<td>{}</td>" * len(names) + "</tr>", rows),
    )
    return wide("Ledger", table)

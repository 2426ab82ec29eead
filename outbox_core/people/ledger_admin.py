"""The ledger in the admin: a list with filters, and the history on the pages of events and holds."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from outbox_core.operations.ledger import LedgerEntry, LedgerQuerySet
from outbox_core.people.admin import ReadOnlyAdmin
from outbox_core.people.humanize import amount
from outbox_core.people.markup import ago
from outbox_core.people.text import line

SHOWN = 20


class LedgerAdmin(ReadOnlyAdmin):
    """Who did what, newest first."""

    title = "Ledger"
    list_display = ("when", "who_shown", "verb", "scope_shown", "count_shown", "outcome", "reason_shown")
    list_display_links = ("when",)
    list_filter = ("verb", "outcome", "at")
    lookups = frozenset({"verb__exact", "outcome", "at__gte", "at__lt"})
    ordering = ("-id",)
    search_fields = ("who", "scope", "reason")
    search_help_text = "Part of who, scope or reason."
    fields = ("when", "who_shown", "verb", "scope_shown", "count_shown", "outcome", "before", "reason_shown")
    readonly_fields = fields

    @admin.display(description="at", ordering="id")
    def when(self, entry: LedgerEntry) -> SafeString:
        return format_html("{} ({})", f"{entry.at:%Y-%m-%d %H:%M:%S %Z}", ago(entry.at))

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

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return super().get_search_results(request, queryset, search_term[:200])


def history(entries: LedgerQuerySet) -> SafeString:
    """The newest entries, for the page of the event or hold that they concern."""
    rows = [
        (
            ago(entry.at),
            line(entry.who, 120),
            entry.verb,
            line(entry.scope, 120),
            entry.outcome,
            line(entry.reason, 200),
        )
        for entry in entries.order_by("-pk")[:SHOWN]
    ]
    if not rows:
        return mark_safe("No person has changed anything here.")
    head = "<tr><th>When</th><th>Who</th><th>What</th><th>Scope</th><th>Outcome</th><th>Reason</th></tr>"
    return format_html(
        '<table class="outbox-history"><thead>{}</thead>{}</table>',
        mark_safe(head),
        format_html_join("", "<tr>" + "<td>{}</td>" * 6 + "</tr>", rows),
    )

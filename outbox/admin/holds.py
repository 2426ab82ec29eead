from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db import transaction
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from outbox import audit, verbs
from outbox.admin.base import ReadOnlyAdmin
from outbox.admin.markup import ago
from outbox.errors import OutboxError
from outbox.models import Hold
from outbox.words import amount

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

    from outbox.models.hold_queries import HoldQuerySet

COUNT_UP_TO = 10_000
LIST_EVENTS = 100
LIST_MESSAGES = 20


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    """What waits and why, and the way to let it go."""

    list_display = ("__str__", "waiting", "detail", "since", "release_time")
    list_filter = ("reason", "scope")
    lookups = frozenset({"reason__exact", "scope__exact"})
    ordering = ("-id",)
    actions = ("release_selected",)
    fields = ("where", "reason", "detail", "since", "release_time", "waiting", "events")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> HoldQuerySet:
        return Hold.objects.with_waiting(COUNT_UP_TO + 1).with_due()

    def has_release_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("outbox.release_hold")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {"title": "Holds", **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        may = {
            "may_release": request.user.has_perm("outbox.release_hold"),
            "may_pause": request.user.has_perm("outbox.pause_topic"),
        }
        return super().change_view(request, object_id, form_url, {**may, **(extra_context or {})})

    @admin.action(permissions=["release"], description="Release: publish what waits, in order")
    def release_selected(self, request: HttpRequest, queryset: HoldQuerySet) -> None:
        """The bulk action of the list. All or none: with a pause among them, none."""
        try:
            with transaction.atomic():
                deeds = verbs.release(Hold.objects.filter(pk__in=list(queryset.values_list("pk", flat=True))))
                audit.record(request.user, deeds)
        except OutboxError as error:
            messages.error(request, str(error))
            return
        for _, sentence in deeds[:LIST_MESSAGES]:
            messages.success(request, sentence)
        if len(deeds) > LIST_MESSAGES:
            messages.success(request, f"… and {len(deeds) - LIST_MESSAGES} more.")

    @admin.display(description="scope")
    def where(self, hold: Hold) -> str:
        return hold.where

    @admin.display(description="events waiting")
    def waiting(self, hold: Hold) -> str:
        return amount(min(hold.waiting, COUNT_UP_TO), capped=hold.waiting > COUNT_UP_TO)

    @admin.display(description="since")
    def since(self, hold: Hold) -> SafeString:
        return ago(hold.created_at)

    @admin.display(description="release")
    def release_time(self, hold: Hold) -> str:
        if hold.due:
            return "under way"
        return f"by itself at {hold.release_at:%H:%M:%S %Z}" if hold.release_at else "on request"

    @admin.display(description="in the order of release")
    def events(self, hold: Hold) -> SafeString:
        waiting = hold.held.waiting().select_related("event").defer("event__payload", "event__headers")
        rows = [
            (
                reverse("admin:outbox_outboxevent_change", args=[held.event_id]),
                held.event_id,
                held.event.type,
                held.event.key,
                ago(held.event.created_at),
            )
            for held in waiting.order_by("pk")[:LIST_EVENTS]
        ]
        return format_html(
            "<table><thead><tr><th>Sequence</th><th>Type</th><th>Key</th><th>Created</th></tr></thead>{}</table>{}",
            format_html_join(
                "", '<tr><td><a href="{}">{}</a></td><td>{}</td><td>{}</td><td>{}</td></tr>', rows
            ),
            f"The first {LIST_EVENTS}." if hold.waiting > LIST_EVENTS else "",
        )

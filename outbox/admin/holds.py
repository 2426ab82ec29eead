"""The list of holds and the page of one: what waits, why, and the actions to release or discard it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from outbox.admin import databases
from outbox.admin.actions import released
from outbox.errors import OutboxError
from outbox.models import Hold, Ledger, OutboxEvent
from outbox.operations.bulk import DISCARD, operations
from outbox_core.operations.bulk import requests
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.verb import Order
from outbox_core.people.admin import LIMIT, ReadOnlyAdmin, ReasonForm
from outbox_core.people.humanize import amount
from outbox_core.people.ledger_admin import history
from outbox_core.people.markup import ago, wide
from outbox_core.people.text import line

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from outbox.models.hold_queries import HoldQuerySet

COUNT_UP_TO = 10_000
LIST_EVENTS = 100
LIST_TOPICS = 100


class TopicFilter(admin.SimpleListFilter):
    """By the topic of a hold. It need not be the topic of a registered type."""

    title = "topic"
    parameter_name = "topic"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        topics = Hold.objects.order_by("topic").values_list("topic", flat=True).distinct()[:LIST_TOPICS]
        return [(topic, line(topic, 80)) for topic in topics]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(topic=self.value()) if self.value() else queryset


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    """What waits, why, and the actions to release or discard it."""

    title = "Holds"
    list_display = ("name", "waiting", "detail_shown", "since", "release_time")
    list_filter = ("reason", "scope", TopicFilter)
    lookups = frozenset({"reason__exact", "scope__exact", "topic"})
    search_fields = ("=key",)
    search_help_text = "A key, exactly."
    ordering = ("-id",)
    actions = ("release_selected", "discard_selected")
    action_form = ReasonForm
    fields = ("where", "reason", "detail_shown", "since", "release_time", "waiting", "events", "done_by_hand")
    readonly_fields = fields

    class Media:
        css = {"all": ["outbox/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> HoldQuerySet:
        return Hold.objects.with_waiting(COUNT_UP_TO + 1).with_due()

    def has_release_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("outbox.release_hold")

    def has_discard_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("outbox.discard_held")

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        return {
            "may_release": request.user.has_perm("outbox.release_hold"),
            "may_pause": request.user.has_perm("outbox.pause_topic"),
        }

    @admin.action(permissions=["release"], description="Release: publish the events, in order")
    def release_selected(self, request: HttpRequest, queryset: HoldQuerySet) -> None:
        """If one of them is a pause, none is released."""
        ids = tuple(queryset.order_by("pk").values_list("pk", flat=True)[: LIMIT + 1])
        try:
            said = released(Selection(ids=ids[:LIMIT]), databases.home(), request.user.get_username())
        except OutboxError as error:
            messages.error(request, line(error))
            return
        for sentence in (*said, *requests.too_many(len(ids), LIMIT)):
            messages.success(request, line(sentence))

    @admin.action(permissions=["discard"], description="Discard the events that wait (needs a reason)")
    def discard_selected(self, request: HttpRequest, queryset: HoldQuerySet) -> None:
        """The events behind the selected holds."""
        ids = tuple(queryset.order_by("pk").values_list("pk", flat=True)[: LIMIT + 1])
        order = Order(
            verb=DISCARD.name.value,
            selection=Selection(rows=ids[:LIMIT]),
            who=request.user.get_username(),
            reason=request.POST.get("reason", "").strip(),
        )
        try:
            said, _ = requests.act(operations, order, databases.home())
        except OutboxError as error:
            messages.error(request, f"Nothing was discarded. {error}")
            return
        for sentence in (*said, *requests.too_many(len(ids), LIMIT)):
            messages.success(request, line(sentence))

    @admin.display(description="hold")
    def name(self, hold: Hold) -> str:
        return line(hold, 200)

    @admin.display(description="scope")
    def where(self, hold: Hold) -> str:
        return line(hold.where)

    @admin.display(description="detail")
    def detail_shown(self, hold: Hold) -> str:
        return line(hold.detail)

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
        return f"automatically at {hold.release_at:%H:%M:%S %Z}" if hold.release_at else "on request"

    @admin.display(description="ledger")
    def done_by_hand(self, hold: Hold) -> SafeString:
        facts: dict[str, object] = {"hold": hold.pk, "topic": hold.topic, "cause": hold.reason}
        if hold.scope == Hold.Scope.KEY:
            facts["key"] = hold.key
        elif hold.event is not None:
            facts |= {"key": hold.event.key, "type": hold.event.type, "event": str(hold.event.event_id)}
        return history(Ledger.objects.about(hold.created_at, **facts))

    @admin.display(description="in the order of release")
    def events(self, hold: Hold) -> SafeString:
        waiting = hold.held.waiting().select_related("event").defer("event__payload", "event__headers")
        rows = [_row(held.event) for held in waiting.order_by("pk")[:LIST_EVENTS]]
        table = format_html(
            "<table><thead><tr><th>Sequence</th><th>Type</th><th>Key</th><th>Created</th></tr></thead>{}</table>{}",
            format_html_join(
                "", '<tr><td><a href="{}">{}</a></td><td>{}</td><td>{}</td><td>{}</td></tr>', rows
            ),
            f"The first {LIST_EVENTS}." if hold.waiting > LIST_EVENTS else "",
        )
        return wide("Held events", table)


def _row(event: OutboxEvent) -> tuple[object, ...]:
    url = reverse("admin:outbox_outboxevent_change", args=[event.pk])
    return url, event.pk, event.type, line(event.key, 200), ago(event.created_at)

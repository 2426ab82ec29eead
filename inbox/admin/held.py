"""The held events, with the actions that release and discard them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.safestring import SafeString

from inbox.admin.base import InboxAdmin
from inbox.conf import settings
from inbox.errors import InboxError
from inbox.models import HeldEvent, Ledger
from inbox.models.held import cause_of
from inbox.models.held_queries import HeldEventQuerySet
from inbox.operations.bulk import DISCARD, RELEASE, operations
from outbox_core.operations.bulk import requests
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.verb import Order, Verb
from outbox_core.people.admin import LIMIT, ReasonForm
from outbox_core.people.ledger_admin import history
from outbox_core.people.markup import ago
from outbox_core.people.record_view import headers_table, payload_block
from outbox_core.people.redaction import Redactor
from outbox_core.people.text import line

OLDEST = 10_000
"""The held events whose values the filters offer."""
CHOICES = 100


class OfOldest(admin.SimpleListFilter):
    """Offers the values of a field that the oldest held events have: all of them would be a scan of the
    table.
    """

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        name, rows = str(self.parameter_name), HeldEvent.objects.using(settings().database)
        oldest = rows.filter(pk__in=rows.order_by("pk").values("pk")[:OLDEST])
        values = oldest.order_by(name).values_list(name, flat=True)
        return [(value, line(value, 80)) for value in values.distinct()[:CHOICES]]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return queryset if value is None else queryset.filter(**{str(self.parameter_name): value})


class ConsumerFilter(OfOldest):
    title = parameter_name = "consumer"


class TopicFilter(OfOldest):
    title = parameter_name = "topic"


class TypeFilter(OfOldest):
    title = parameter_name = "type"


@admin.register(HeldEvent)
class HeldEventAdmin(InboxAdmin):
    """Events that could not be handled. Release them when the cause is removed, or discard them with a
    reason.
    """

    title = "Held events"
    list_display = (
        *("id", "state", "short_error", "type_shown", "key_shown"),
        *("held_since", "attempts", "consumer", "topic"),
    )
    list_filter = (ConsumerFilter, TopicFilter, TypeFilter, ("discarded_at", admin.EmptyFieldListFilter))
    lookups = frozenset({"consumer", "topic", "type", "discarded_at__isempty"})
    search_fields = ("=event_id", "=key", "error__startswith")
    search_help_text = "An event id or a key, exactly; or the beginning of an error."
    ordering = ("id",)
    action_form = ReasonForm
    actions = ("release", "discard")
    fieldsets = (
        (None, {"fields": ("state", "error_shown", ("consumer", "attempts"), ("type_shown", "topic"))}),
        (
            None,
            {
                "fields": (
                    ("key_shown", "event_id_shown"),
                    ("partition", "offset"),
                    ("held_since", "released"),
                )
            },
        ),
        ("Ledger", {"fields": ("done_by_hand",)}),
        ("Record", {"fields": ("headers", "payload")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("record")

    def has_release_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("inbox.release_held")

    def has_discard_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("inbox.discard_held")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The record is shown only to users with the permission."""
        if not request.user.has_perm("inbox.view_payload"):
            return self.fieldsets[:-1]
        if request.user.has_perm("inbox.view_raw_payload"):
            return (*self.fieldsets[:-1], ("Record", {"fields": ("headers", "raw_payload")}))
        return self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        own = (
            "held_since",
            "released",
            "state",
            "error_shown",
            "type_shown",
            "key_shown",
            "event_id_shown",
            "done_by_hand",
        )
        return (*own, "headers", "payload", "raw_payload")

    @admin.display(description="state")
    def state(self, held: HeldEvent) -> str:
        if held.discarded_at is not None:
            return line(f"discarded by {held.discarded_by}: {held.discard_reason}", 200)
        if held.released_at is not None:
            return "being released"
        if held.retry_at is not None:
            return "will be retried"
        return "held" if held.error else "held behind its key"

    @admin.display(description="held since")
    def held_since(self, held: HeldEvent) -> SafeString:
        return ago(held.held_at)

    @admin.display(description="released")
    def released(self, held: HeldEvent) -> SafeString | str:
        return ago(held.released_at) if held.released_at else "-"

    @admin.display(description="error")
    def short_error(self, held: HeldEvent) -> str:
        return line(held.error, 120)

    @admin.display(description="error")
    def error_shown(self, held: HeldEvent) -> str:
        return line(held.error, 2_000) or "-"

    @admin.display(description="type")
    def type_shown(self, held: HeldEvent) -> str:
        return line(held.type or "unreadable record", 200)

    @admin.display(description="key")
    def key_shown(self, held: HeldEvent) -> str:
        return line(held.key or "-", 200)

    @admin.display(description="event id")
    def event_id_shown(self, held: HeldEvent) -> str:
        return line(held.event_id, 200)

    @admin.display(description="ledger")
    def done_by_hand(self, held: HeldEvent) -> SafeString:
        cause = cause_of(held.error)
        facts = {"topic": held.topic, "key": held.key, "type": held.type, "consumer": held.consumer}
        entries = Ledger.objects.using(settings().database)
        return history(
            entries.about(
                held.held_at, row=held.pk, partition=held.partition, event=held.event_id, cause=cause, **facts
            )
        )

    @admin.display(description="headers")
    def headers(self, held: HeldEvent) -> SafeString:
        record = held.as_record()
        return headers_table(held.topic, record.key, record.headers, _redactor())

    @admin.display(description="payload")
    def payload(self, held: HeldEvent) -> SafeString:
        return _payload(held, raw=False)

    @admin.display(description="payload")
    def raw_payload(self, held: HeldEvent) -> SafeString:
        return _payload(held, raw=True)

    @admin.action(
        description="Release: handle them again, with the rest of their keys", permissions=["release"]
    )
    def release(self, request: HttpRequest, queryset: HeldEventQuerySet) -> None:
        self._act(RELEASE, request, queryset)

    @admin.action(description="Discard for good (needs a reason)", permissions=["discard"])
    def discard(self, request: HttpRequest, queryset: HeldEventQuerySet) -> None:
        self._act(DISCARD, request, queryset)

    def _act(self, verb: Verb, request: HttpRequest, queryset: HeldEventQuerySet) -> None:
        """At most ``LIMIT`` rows: a list of more is not a selection that a person has seen."""
        ids = tuple(queryset.order_by("pk").values_list("pk", flat=True)[: LIMIT + 1])
        order = Order(
            verb=verb.name.value,
            selection=Selection(rows=ids[:LIMIT]),
            who=request.user.get_username(),
            reason=request.POST.get("reason", "").strip() if verb.needs_reason else "",
        )
        try:
            said, _ = requests.act(operations, order, settings().database)
        except InboxError as error:
            self.message_user(request, f"Nothing was {verb.past.lower()}. {error}", messages.ERROR)
            return
        for sentence in (*said, *requests.too_many(len(ids), LIMIT)):
            self.message_user(request, line(sentence), messages.SUCCESS)


def _payload(held: HeldEvent, *, raw: bool) -> SafeString:
    record = held.as_record()
    sent = {name.lower(): value for name, value in record.headers}
    content_type = (sent.get("content-type") or b"").decode(errors="backslashreplace")
    return payload_block(record.value, content_type, _redactor(), raw=raw)


def _redactor() -> Redactor:
    return Redactor(settings().redact)

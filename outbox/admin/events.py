"""The list of events, newest first, and the page of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.contrib import admin
from django.db import OperationalError
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from outbox.admin import databases, origin
from outbox.admin.correcting import CorrectView
from outbox.admin.event_actions import DiscardView, ReleaseEventView, ReplayView
from outbox.admin.in_kafka import KafkaView
from outbox.admin.searching import EventList, suggestions
from outbox.conf import settings
from outbox.log import rows
from outbox.models import EventStatus, Held, Hold, Ledger, OutboxEvent
from outbox.operations import correcting
from outbox.search import in_kafka
from outbox.search.search import STATEMENT_SECONDS, one_by_one, took_too_long
from outbox.search.story import Story
from outbox_core.database import by_index
from outbox_core.people.admin import ReadOnlyAdmin
from outbox_core.people.ledger_admin import history
from outbox_core.people.markup import ago, badge
from outbox_core.people.record_view import headers_table, payload_block
from outbox_core.people.redaction import Redactor
from outbox_core.people.text import line
from outbox_core.wire.encode import EXTENSIONS, Record, encoder

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

    from outbox.models.event_queries import OutboxEventQuerySet


HEADINGS: dict[str, str] = {
    EventStatus.PUBLISHED: "Headers as sent",
    EventStatus.DISCARDED: "Headers, which are never sent",
}
SURROUNDINGS = (
    *("transaction", "committed", "before", "behind", "cause_id", "cause", "effects"),
    *("correlation", "trace", "actor"),
)


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    """The log, newest first."""

    title = "Events"
    list_display = ("sequence", "derived_status", "type", "key_shown", "topic", "age")
    ordering = ("-id",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "state",
                    ("type", "topic"),
                    ("key_shown", "subject_shown"),
                    ("event_id", "sequence"),
                    "created",
                )
            },
        ),
        ("Ledger", {"fields": ("done_by_hand",)}),
    )
    readonly_fields = (
        *("state", "sequence", "created", "key_shown", "subject_shown"),
        *("done_by_hand", "wire_headers", "pretty_payload", "raw_payload"),
    )

    class Media:
        css = {"all": ["outbox/admin.css"]}
        js = ["outbox/copy.js"]

    def get_queryset(self, request: HttpRequest) -> OutboxEventQuerySet:
        events = OutboxEvent.objects.with_status()
        of_one = request.resolver_match is not None and "object_id" in request.resolver_match.kwargs
        return events.select_related("held__hold") if of_one else events

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        with by_index(databases.home()):
            return super().changelist_view(request, {**suggestions(), **(extra_context or {})})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return EventList

    def get_urls(self) -> list[URLPattern]:
        pages: dict[str, Any] = {
            "discard": DiscardView,
            "release": ReleaseEventView,
            "replay": ReplayView,
            "correct": CorrectView,
            "kafka": KafkaView,
        }
        return [
            *(
                path(
                    f"<int:pk>/{name}/",
                    self.admin_site.admin_view(view.as_view(model_admin=self)),
                    name=f"outbox_outboxevent_{name}",
                )
                for name, view in pages.items()
            ),
            *super().get_urls(),
        ]

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: OutboxEvent | None = None,
    ) -> HttpResponse:
        """With what surrounds the event, which is read here, at once."""
        if obj is not None:
            context |= {**self._rights(request, obj), **self._surroundings(request, obj)}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _surroundings(self, request: HttpRequest, event: OutboxEvent) -> dict[str, Any]:
        using = databases.home()
        story = Story(event, using)
        try:
            with one_by_one(using):
                told = {name: getattr(story, name) for name in SURROUNDINGS}
        except OperationalError as error:
            if not took_too_long(error):
                raise
            return {"story_took": STATEMENT_SECONDS}
        return {
            "story": told,
            "writers": origin.writers(event),
            "objects": origin.objects(event, request, self.admin_site),
            "user_who": origin.user(story.actor, request, self.admin_site) if story.actor else None,
        }

    def _rights(self, request: HttpRequest, event: OutboxEvent) -> dict[str, bool]:
        """What this user may do with the event in the state that it has."""
        may = request.user.has_perm
        held: Held | None = getattr(event, "held", None)
        hold = held.hold if held is not None and event.status == EventStatus.HELD else None
        releases = "pause_topic" if hold is not None and hold.reason == Hold.Reason.PAUSED else "release_hold"
        return {
            "may_see_payload": may("outbox.view_payload"),
            "may_look_up": in_kafka.finder() is not None and event.status != EventStatus.DISCARDED,
            "may_release": hold is not None and may(f"outbox.{releases}"),
            "may_discard": hold is not None and may("outbox.discard_held"),
            "may_correct": correcting.is_possible(event)
            and all(may(f"outbox.{name}") for name in ("view_payload", "replay_event")),
            "may_replay": event.status == EventStatus.PUBLISHED and may("outbox.replay_event"),
        }

    def get_fieldsets(self, request: HttpRequest, obj: OutboxEvent | None = None) -> Any:
        """The payload is shown only to users with the permission."""
        headers = (HEADINGS.get(_sent(obj), "Headers to be sent"), {"fields": ("wire_headers",)})
        if not request.user.has_perm("outbox.view_payload"):
            return (*self.fieldsets, headers)
        raw = request.user.has_perm("outbox.view_raw_payload")
        payload = ("Payload", {"fields": ("raw_payload" if raw else "pretty_payload",)})
        return (*self.fieldsets, headers, payload)

    @admin.display(description="key", ordering="key")
    def key_shown(self, event: OutboxEvent) -> str:
        return line(event.key, 200)

    @admin.display(description="subject")
    def subject_shown(self, event: OutboxEvent) -> str:
        return line(event.subject or "-", 200)

    @admin.display(description="ledger")
    def done_by_hand(self, event: OutboxEvent) -> SafeString:
        held: Held | None = getattr(event, "held", None)
        facts: dict[str, object] = {"topic": event.topic, "key": event.key, "type": event.type}
        facts["event"] = str(event.event_id)
        if held is not None and held.hold is not None:
            facts |= {"hold": held.hold.pk, "cause": held.hold.reason}
        return history(Ledger.objects.about(event.created_at, **facts))

    @admin.display(description="sequence")
    def sequence(self, event: OutboxEvent) -> str:
        return str(event.pk)

    @admin.display(description="status")
    def derived_status(self, event: OutboxEvent) -> SafeString:
        return badge(event.status)

    @admin.display(description="created")
    def age(self, event: OutboxEvent) -> SafeString:
        return ago(event.created_at)

    @admin.display(description="created")
    def created(self, event: OutboxEvent) -> SafeString:
        return format_html("{} ({})", f"{event.created_at:%Y-%m-%d %H:%M:%S.%f %Z}", ago(event.created_at))

    @admin.display(description="status")
    def state(self, event: OutboxEvent) -> SafeString:
        held: Held | None = getattr(event, "held", None)
        if held is None:
            return badge(event.status)
        if event.status == EventStatus.DISCARDED:
            when = ago(held.discarded_at) if held.discarded_at else ""
            return format_html("{} {}, reason: {}", badge(event.status), when, line(held.discard_reason))
        if held.hold is None:
            return badge(event.status)
        url = reverse("admin:outbox_hold_change", args=[held.hold.pk])
        return format_html(
            '{} {} behind <a href="{}">{}</a>. {}',
            badge(event.status),
            ago(held.created_at),
            url,
            line(held.hold, 200),
            line(held.hold.detail),
        )

    @admin.display(description="record")
    def wire_headers(self, event: OutboxEvent) -> SafeString:
        sent = record(event)
        return headers_table(sent.topic, sent.key, sent.headers, self._redactor())

    @admin.display(description="payload")
    def pretty_payload(self, event: OutboxEvent) -> SafeString:
        return self._payload(event, raw=False)

    @admin.display(description="payload")
    def raw_payload(self, event: OutboxEvent) -> SafeString:
        return self._payload(event, raw=True)

    def _payload(self, event: OutboxEvent, *, raw: bool) -> SafeString:
        payload = None if event.payload is None else bytes(event.payload)
        return payload_block(payload, event.content_type, self._redactor(), raw=raw)

    def _redactor(self) -> Redactor:
        return Redactor(settings().redact)


def _sent(event: OutboxEvent | None) -> str:
    """Its status; an event that waits to be sent again was published."""
    held: Held | None = getattr(event, "held", None)
    if held is not None and held.hold is not None and held.hold.scope == Hold.Scope.REPLAY:
        return EventStatus.PUBLISHED
    return "" if event is None else event.status


def record(event: OutboxEvent) -> Record:
    """The Kafka record of an event, as RELAY asks for it."""
    relay = getattr(django_settings, "RELAY", {})
    mode, extensions = relay.get("CONTENT_MODE", "binary"), relay.get("EXTENSIONS", EXTENSIONS)
    (row,) = rows.read(event._state.db or "default", "page.id = %(id)s", {"id": event.pk})
    return encoder(settings().source, mode, extensions)(row)

from __future__ import annotations

from typing import Any

import msgspec
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest

from inbox.cloudevents import printable
from inbox.conf import settings
from inbox.models import Instance, Parked
from inbox.models.parked_queries import ParkedQuerySet


class ReasonForm(ActionForm):
    reason = forms.CharField(required=False, label="Reason to discard")


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows what there is; what can be done with it are actions."""

    show_full_result_count = False
    lookups: frozenset[str] = frozenset()
    """The fields that a query string may filter by."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only the filters on the page: a hand-made query string could guess a payload byte by byte."""
        return lookup.partition("__")[0] in self.lookups

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).using(settings().database)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Instance)
class InstanceAdmin(ReadOnlyAdmin):
    list_display = (
        "consumer",
        "host",
        "pid",
        "state",
        "detail",
        "partitions",
        "lag",
        "handled",
        "heartbeat_at",
    )
    ordering = ("consumer", "started_at")


@admin.register(Parked)
class ParkedAdmin(ReadOnlyAdmin):
    """What could not be handled: requeue it once the cause is mended, or discard it and say why."""

    list_display = ("id", "consumer", "type", "topic", "key", "state", "attempts", "parked_at", "short_error")
    list_filter = ("consumer", "topic", "type", ("discarded_at", admin.EmptyFieldListFilter))
    lookups = frozenset({"consumer", "topic", "type", "discarded_at"})
    search_fields = ("=event_id", "=key")
    ordering = ("id",)
    action_form = ReasonForm
    actions = ("requeue", "discard")
    exclude = ("record", "lane")

    @admin.display(description="state")
    def state(self, parked: Parked) -> str:
        if parked.discarded_at is not None:
            return f"discarded by {parked.discarded_by}"
        if parked.requeued_at is not None:
            return "requeued"
        return "parked" if parked.error else "waits behind its key"

    @admin.display(description="error")
    def short_error(self, parked: Parked) -> str:
        return parked.error[:120]

    @admin.display(description="payload")
    def payload(self, parked: Parked) -> str:
        value = parked.as_record().value
        if value is None:
            return "none: a tombstone"
        try:
            return printable(msgspec.json.format(value))
        except (msgspec.DecodeError, RecursionError):
            return printable(value)

    @admin.display(description="headers")
    def headers(self, parked: Parked) -> str:
        return "\n".join(f"{name}: {printable(value or b'')}" for name, value in parked.as_record().headers)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        shown = [name for name in super().get_fields(request, obj) if name not in ("payload", "headers")]
        return [
            *map(str, shown),
            *(("headers", "payload") if request.user.has_perm("inbox.view_payload") else ()),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("state", "headers", "payload")

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("inbox.change_parked")

    @admin.action(description="Requeue, with the rest of their keys", permissions=["act"])
    def requeue(self, request: HttpRequest, queryset: ParkedQuerySet) -> None:
        self._audit(request, queryset, "Requeued")
        count = queryset.requeue()
        self.message_user(request, f"{count} requeued; the running consumer takes them up.", messages.SUCCESS)

    @admin.action(description="Discard for good (needs a reason)", permissions=["act"])
    def discard(self, request: HttpRequest, queryset: ParkedQuerySet) -> None:
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(
                request, "Nothing was discarded: say why, in the field beside the action.", messages.ERROR
            )
            return
        self._audit(request, queryset, f"Discarded: {reason}")
        count = queryset.discard(by=request.user.get_username(), reason=reason)
        self.message_user(request, f"{count} discarded.", messages.SUCCESS)

    def _audit(self, request: HttpRequest, queryset: ParkedQuerySet, message: str) -> None:
        LogEntry.objects.log_actions(
            user_id=request.user.pk or 0,
            queryset=queryset.waiting(),
            action_flag=CHANGE,
            change_message=message,
        )

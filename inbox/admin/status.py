"""The admin page that shows the status of the inbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from inbox.admin.base import InboxAdmin
from inbox.admin.groups import DiscardGroupView, ReleaseGroupView, groups
from inbox.admin.partitions import Readers, placed, readers
from inbox.admin.pausing import PauseView, form, value
from inbox.admin.seeking import SeekView
from inbox.conf import ConsumerSettings, Settings, settings
from inbox.models import InboxStatus, Instance
from inbox.models.instance import ALIVE
from inbox.operations.bulk import operations
from inbox.status import report
from inbox.status.lag import LagQuestion
from inbox.status.latest_lag import LatestLag
from outbox_core.operations.database_failure import explain
from outbox_core.operations.report import Cause, Report
from outbox_core.people.groups import context
from outbox_core.people.operations.shown import Shown, newest

LEVELS = ("ok", "warning", "critical")
LIST_PROCESSES = 50


@admin.register(InboxStatus)
class InboxStatusAdmin(InboxAdmin):
    """One page: the state of the consumers, and the release of what is held."""

    class Media:
        js = ["inbox/refresh.js"]

    @cached_property
    def _lag(self) -> LatestLag:
        return LatestLag(LagQuestion(settings()))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="inbox_inboxstatus_changelist"),
            path(
                "release/",
                view(ReleaseGroupView.as_view(model_admin=self)),
                name="inbox_inboxstatus_release",
            ),
            path("pause/", view(PauseView.as_view()), name="inbox_inboxstatus_pause"),
            path("seek/", view(SeekView.as_view(model_admin=self)), name="inbox_inboxstatus_seek"),
            path("resume/", view(PauseView.as_view(resume=True)), name="inbox_inboxstatus_resume"),
            path(
                "discard/",
                view(DiscardGroupView.as_view(model_admin=self)),
                name="inbox_inboxstatus_discard",
            ),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page. The number of queries depends on the number of consumers only."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        shown = self.admin_site.each_context(request) | self._report(request) | self._permissions(request)
        return TemplateResponse(request, "admin/inbox/inboxstatus/status.html", shown | (extra_context or {}))

    def _report(self, request: HttpRequest) -> dict[str, Any]:
        inbox = settings()
        found, processes, done = self._read(inbox, request)
        return {
            "title": "Inbox status",
            "opts": self.opts,
            "media": self.media,
            "status": found,
            "level": LEVELS[found.exit_code],
            "at": timezone.now(),
            "processes": processes,
            "has_workers": any(each["instance"].workers for each in processes),
            "operations": done,
            "pause": form(_consumers(inbox)),
            **found.data,
            **context(groups([Cause(**each) for each in found.data["causes"]], request)),
            "consumers": [_shown(each, readers(processes)) for each in found.data["consumers"]],
        }

    def _read(
        self, inbox: Settings, request: HttpRequest
    ) -> tuple[Report, list[dict[str, Any]], list[Shown]]:
        try:
            found = report.read(_consumers(inbox), inbox.database, report.Thresholds(), self._lag)
            done = newest(operations, inbox.database, request)
            return found, list(_processes(inbox.database)), done
        except (DatabaseError, InterfaceError) as error:
            return report.failed(inbox.database, explain(inbox.database, "inbox", error)), [], []

    def _permissions(self, request: HttpRequest) -> dict[str, bool]:
        return {
            "may_see_held": request.user.has_perm("inbox.view_heldevent"),
            "may_see_ledger": request.user.has_perm("inbox.view_ledger"),
            "may_seek": request.user.has_perm("inbox.seek_consumer"),
            "may_pause": request.user.has_perm("inbox.pause_consumer"),
        }


def _consumers(inbox: Settings) -> list[ConsumerSettings]:
    return [inbox.consumer(name) for name in sorted(inbox.consumers)]


def _shown(consumer: dict[str, Any], readers: Readers) -> dict[str, Any]:
    """Types as pairs: a template would take ``items`` of a dict for the event type of that name."""
    pairs = {name: [*consumer[name].items()] for name in ("handlers", "unhandled")}
    pauses = [
        {
            **each,
            "value": value(consumer["consumer"], each["topic"]),
            "seconds": _seconds_since(each["since"]),
        }
        for each in consumer["pauses"]
    ]
    return (
        consumer
        | pairs
        | placed(consumer, readers)
        | {"pauses": pauses, "idle": _seconds_since(consumer["progress_at"])}
    )


def _processes(database: str) -> Iterator[dict[str, Any]]:
    now = timezone.now()
    for each in Instance.objects.using(database).order_by("-heartbeat_at")[:LIST_PROCESSES]:
        yield {
            "instance": each,
            "alive": now - each.heartbeat_at <= ALIVE,
            "silent": _seconds_since(each.heartbeat_at),
            "reads": ", ".join(each.reads),
            "uptime": _seconds_since(each.started_at),
        }


def _seconds_since(at: datetime | None) -> float | None:
    return None if at is None else max((timezone.now() - at).total_seconds(), 0.0)

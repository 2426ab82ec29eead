"""The admin page that shows the status of the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from outbox import status
from outbox.admin import databases
from outbox.admin.actions import PauseView, ReleaseView
from outbox.admin.groups import DiscardGroupView, ReleaseGroupView, groups
from outbox.admin.history import context as history
from outbox.admin.resharding import PERMISSION, ReshardView
from outbox.models import OutboxStatus
from outbox.operations import registered
from outbox.operations.bulk import operations
from outbox_core.people.admin import ReadOnlyAdmin
from outbox_core.people.groups import context
from outbox_core.people.operations.shown import Shown, newest

if TYPE_CHECKING:
    from django.http import HttpRequest

LEVELS = ("ok", "warning", "critical")


@admin.register(OutboxStatus)
class OutboxStatusAdmin(ReadOnlyAdmin):
    """One page: the state of the outbox, and actions to change it."""

    class Media:
        css = {"all": ["outbox/admin.css"]}
        js = ["outbox/refresh.js"]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="outbox_outboxstatus_changelist"),
            path(
                "shards/",
                # Its transactions begin and end as those of the command, also with ATOMIC_REQUESTS.
                transaction.non_atomic_requests(view(ReshardView.as_view(model_admin=self))),
                name="outbox_outboxstatus_shards",
            ),
            path("pause/", view(PauseView.as_view()), name="outbox_outboxstatus_pause"),
            path(
                "release/",
                view(ReleaseGroupView.as_view(model_admin=self)),
                name="outbox_outboxstatus_release_group",
            ),
            path(
                "discard/",
                view(DiscardGroupView.as_view(model_admin=self)),
                name="outbox_outboxstatus_discard_group",
            ),
            path("<int:pk>/release/", view(ReleaseView.as_view()), name="outbox_outboxstatus_release"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The page. The number of queries is fixed, whatever the number of events."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        database = databases.chosen(request.GET.get("database"))
        shown = (
            self.admin_site.each_context(request)
            | self._report(database, request)
            | self._permissions(request)
        )
        return TemplateResponse(
            request, "admin/outbox/outboxstatus/status.html", shown | (extra_context or {})
        )

    def _report(self, database: str, request: HttpRequest) -> dict[str, Any]:
        report = status.read(database)
        return {
            "title": "Outbox status",
            "opts": self.opts,
            "media": self.media,
            "status": report,
            "level": LEVELS[report.exit_code],
            **context(groups(report, request)),
            **history(report, request),
            "operations": self._operations(database, request) if report.at else [],
            "databases": databases.choices(),
            "at_home": database == databases.home(),
            "topics": list(registered.topics()),
            "pause": {
                "title": "Pause a topic",
                "url": reverse("admin:outbox_outboxstatus_pause"),
                "database": database,
                "label": "Topic",
                "choices": [(topic, topic) for topic in registered.topics()],
                "effect": "Its events are held, in order, until it is resumed. Other topics are published.",
            },
        }

    @staticmethod
    def _operations(database: str, request: HttpRequest) -> list[Shown]:
        """Their pages are those of the home database."""
        if database != databases.home():
            return []
        return newest(operations, database, request)

    def _permissions(self, request: HttpRequest) -> dict[str, bool]:
        return {
            "may_see_events": request.user.has_perm("outbox.view_outboxevent"),
            "may_see_ledger": request.user.has_perm("outbox.view_ledger"),
            "may_see_holds": request.user.has_perm("outbox.view_hold"),
            "may_release": request.user.has_perm("outbox.release_hold"),
            "may_reshard": request.user.has_perm(PERMISSION),
            "may_pause": request.user.has_perm("outbox.pause_topic"),
        }

"""The failure groups of the outbox: what the status page shows of them, and the pages that change them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from outbox import status
from outbox.admin import databases
from outbox.models import Hold
from outbox.operations.bulk import DISCARD, RELEASE, operations
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.report import Cause
from outbox_core.people.group_actions import GroupActionView, matching
from outbox_core.people.groups import Group, link, may
from outbox_core.people.humanize import amount, duration

STATUS = "admin:outbox_outboxstatus"


def groups(report: status.Status, request: HttpRequest) -> list[Group]:
    """The groups of a status, with what this user may do with each."""
    holds = {hold.id: hold for hold in report.holds}
    return [_group(cause, holds.get(cause.example), report.database, request) for cause in report.causes]


def _group(cause: Cause, hold: status.HoldReport | None, database: str, request: HttpRequest) -> Group:
    links: dict[str, Any] = {}
    at_home = database == databases.home()
    if cause.reason == Hold.Reason.PAUSED:
        if may(request, "outbox.pause_topic") and not cause.releasing:
            links["resume_url"] = reverse(f"{STATUS}_release", args=[cause.example])
    else:
        if may(request, "outbox.release_hold") and not (cause.holds and cause.releasing >= cause.holds):
            links["release_url"] = link(reverse(f"{STATUS}_release_group"), cause, database)
        if may(request, "outbox.discard_held") and cause.events:
            links["discard_url"] = link(reverse(f"{STATUS}_discard_group"), cause, database)
    if at_home and may(request, "outbox.view_hold"):
        links["sample_url"] = reverse("admin:outbox_hold_change", args=[cause.example])
    return Group(cause=cause, database=database, note=_note(cause, hold), **links)


def _note(cause: Cause, hold: status.HoldReport | None) -> str:
    if cause.releasing:
        return f"{amount(cause.releasing)} being released"
    if hold is not None and hold.release_in is not None and not hold.releasing:
        return f"tried again in {duration(hold.release_in)}"
    return ""


class OutboxGroupView(GroupActionView):
    """What both actions of the outbox share."""

    template_name = "admin/outbox/confirm_group.html"
    operations = operations

    def find(self, given: dict[str, str]) -> Cause | None:
        return matching(status.read(self.database(given)).causes, given)

    def shown(self, cause: Cause) -> Group:
        return Group(cause=cause)

    def page(self, given: dict[str, str]) -> str:
        database = self.database(given)
        query = "" if database == databases.home() else "?" + urlencode({"database": database})
        return reverse(f"{STATUS}_changelist") + query

    def selection(self, given: dict[str, str]) -> Selection:
        return super().selection({name: value for name, value in given.items() if value})

    def database(self, given: dict[str, str]) -> str:
        return databases.chosen(given.get("database"))


class ReleaseGroupView(OutboxGroupView):
    """Release the holds of a group."""

    verb = RELEASE
    title, button = "Release a failure group", "Release"


class DiscardGroupView(OutboxGroupView):
    """Discard the events of a group."""

    verb = DISCARD
    title, button = "Discard a failure group", "Discard the events"

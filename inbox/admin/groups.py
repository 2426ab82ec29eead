"""The failure groups of the inbox: what the status page shows of them, and the pages that change them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from inbox.conf import settings
from inbox.operations.bulk import DISCARD, RELEASE, operations
from inbox.status import causes
from inbox.status.causes import BEHIND
from outbox_core.operations.report import Cause
from outbox_core.people.group_actions import GroupActionView, matching
from outbox_core.people.groups import Group, link, may
from outbox_core.people.humanize import amount

STATUS = "admin:inbox_inboxstatus"


def groups(found: Sequence[Cause], request: HttpRequest) -> list[Group]:
    """The groups of a status, with what this user may do with each. An error can quote a payload: its text
    needs the permission to see payloads.
    """
    return [_group(cause, request) for cause in found]


def _group(cause: Cause, request: HttpRequest) -> Group:
    links: dict[str, Any] = {}
    if cause.reason != BEHIND:
        if may(request, "inbox.release_held") and cause.releasing < cause.events:
            links["release_url"] = link(reverse(f"{STATUS}_release"), cause)
        if may(request, "inbox.discard_held"):
            links["discard_url"] = link(reverse(f"{STATUS}_discard"), cause)
    if may(request, "inbox.view_heldevent"):
        links["sample_url"] = reverse("admin:inbox_heldevent_change", args=[cause.example])
    note = f"{amount(cause.releasing)} being released" if cause.releasing else ""
    return Group(cause=cause, note=note, with_detail=may(request, "inbox.view_payload"), **links)


class InboxGroupView(GroupActionView):
    """What both actions of the inbox share."""

    template_name = "admin/inbox/confirm_group.html"
    operations = operations

    def find(self, given: dict[str, str]) -> Cause | None:
        return matching(causes.read([given.get("consumer", "")], settings().database).causes, given)

    def shown(self, cause: Cause) -> Group:
        return Group(cause=cause, with_detail=may(self.request, "inbox.view_payload"))

    def page(self, given: dict[str, str]) -> str:
        return reverse(f"{STATUS}_changelist")

    def database(self, given: dict[str, str]) -> str:
        return settings().database

    def is_complete(self, given: dict[str, str]) -> bool:
        return bool(given.get("consumer")) and super().is_complete(given)


class ReleaseGroupView(InboxGroupView):
    """Release the events of a group."""

    verb = RELEASE
    title, button = "Release a failure group", "Release"


class DiscardGroupView(InboxGroupView):
    """Discard the events of a group."""

    verb = DISCARD
    title, button = "Discard a failure group", "Discard the events"

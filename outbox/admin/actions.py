"""The buttons of the status page: each sends a POST, does one thing, and reports what it did."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.views import View

from outbox.admin import databases
from outbox.errors import OutboxError
from outbox.models import Hold
from outbox.operations import pausing
from outbox.operations.bulk import RELEASE, operations
from outbox_core.database import pinned
from outbox_core.operations.bulk import requests
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.verb import Order
from outbox_core.people.text import line

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class ActionView(View, ABC):
    """Runs ``act`` and returns to the status page."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        database = databases.chosen(request.POST.get("database"))
        try:
            for sentence in self.act(database):
                messages.success(request, line(sentence))
        except OutboxError as error:
            messages.error(request, line(error))
        page = reverse("admin:outbox_outboxstatus_changelist")
        query = "" if database == databases.home() else "?" + urlencode({"database": database})
        return HttpResponseRedirect(page + query)

    @abstractmethod
    def act(self, database: str) -> Iterable[str]:
        """Do it. Raises OutboxError if it is not possible now, PermissionDenied if this user may
        not do it.
        """

    def require(self, permission: str) -> None:
        """Raise PermissionDenied unless the user has it."""
        if not self.request.user.has_perm(permission):
            raise PermissionDenied

    @property
    def who(self) -> str:
        return self.request.user.get_username()


class ReleaseView(ActionView):
    """Release a hold. If it is a pause, resume the topic."""

    def act(self, database: str) -> Iterable[str]:
        hold = Hold.objects.using(database).filter(pk=self.kwargs["pk"]).first()
        if hold is not None and hold.reason == Hold.Reason.PAUSED:
            self.require("outbox.pause_topic")
            with pinned(database):
                return [pausing.resume(hold.topic, database, who=self.who)]
        self.require("outbox.release_hold")
        if hold is None:
            raise OutboxError(
                f"Hold {self.kwargs['pk']} has ended: all its events are published or discarded."
            )
        return released(Selection(ids=(hold.pk,)), database, self.who)


class PauseView(ActionView):
    """Pause a topic."""

    def act(self, database: str) -> Iterable[str]:
        self.require("outbox.pause_topic")
        given = self.request.POST
        with pinned(database):
            return [
                pausing.pause(given.get("topic", ""), database, given.get("detail", "")[:1_000], who=self.who)
            ]


def released(selection: Selection, database: str, who: str) -> list[str]:
    """Release them, or begin to, and report what was done."""
    order = Order(verb=RELEASE.name.value, selection=selection, who=who)
    return requests.act(operations, order, database)[0]

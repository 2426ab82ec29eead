"""The buttons of the status page: each POSTs, does one thing, and tells what it did."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.views import View

from outbox import audit, verbs
from outbox.admin import databases
from outbox.errors import OutboxError
from outbox.models import Hold
from outbox_core.database import pinned

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from outbox.verbs import Deed


class ActionView(View, ABC):
    """Runs ``act`` in a transaction, keeps an audit entry, and goes back to the status page."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        database = databases.chosen(request.POST.get("database"))
        try:
            with pinned(database):
                deeds = self.act(database)
                audit.record(request.user, deeds)
        except OutboxError as error:
            messages.error(request, str(error))
        else:
            for _, sentence in deeds:
                messages.success(request, sentence)
        page = reverse("admin:outbox_outboxstatus_changelist")
        query = "" if database == databases.home() else "?" + urlencode({"database": database})
        return HttpResponseRedirect(page + query)

    @abstractmethod
    def act(self, database: str) -> list[Deed]:
        """Do it. Raises OutboxError where it makes no sense, PermissionDenied where this user may not."""

    def require(self, permission: str) -> None:
        """Raise PermissionDenied unless the user has it."""
        if not self.request.user.has_perm(permission):
            raise PermissionDenied


class ReleaseView(ActionView):
    """Release a hold; where it is a pause, resume the topic."""

    def act(self, database: str) -> list[Deed]:
        hold = Hold.objects.using(database).filter(pk=self.kwargs["pk"]).first()
        if hold is not None and hold.reason == Hold.Reason.PAUSED:
            self.require("outbox.pause_topic")
            return [verbs.resume(hold.topic, database)]
        self.require("outbox.release_hold")
        if hold is None:
            raise OutboxError(f"Hold {self.kwargs['pk']} is gone: it was released and lifted meanwhile.")
        return verbs.release(Hold.objects.using(database).filter(pk=hold.pk))


class PauseView(ActionView):
    """Pause a topic."""

    def act(self, database: str) -> list[Deed]:
        self.require("outbox.pause_topic")
        given = self.request.POST
        return [verbs.pause(given.get("topic", ""), database, given.get("detail", ""))]

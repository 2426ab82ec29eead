"""The pages that ask for confirmation before they release or discard a failure group, for both admins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.views import View

from outbox_core.operations.bulk import requests
from outbox_core.operations.bulk.operations import Operations
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.verb import Order, Verb
from outbox_core.operations.ledger import NEEDS_REASON
from outbox_core.operations.report import Cause
from outbox_core.people.admin import ReadOnlyAdmin
from outbox_core.people.groups import FIELDS, Group
from outbox_core.people.text import line

GONE = "Nothing was changed: nothing is held any more for this cause, topic and type."


class GroupActionView(View, ABC):
    """GET shows the group and what would happen, POST does it or begins an operation."""

    http_method_names = ["get", "post"]
    model_admin: ReadOnlyAdmin = None  # type: ignore[assignment]
    template_name = ""
    operations: Operations
    verb: Verb
    title = ""
    button = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not (
            self.model_admin.has_view_permission(request) and request.user.has_perm(self.verb.permission)
        ):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        given = self._given(request.GET)
        cause = self.find(given)
        if cause is None:
            messages.warning(request, GONE)
            return HttpResponseRedirect(self.page(given))
        context = {
            **self.model_admin.admin_site.each_context(request),
            "title": self.title,
            "opts": self.model_admin.opts,
            "media": self.model_admin.media,
            "group": self.shown(cause),
            "fields": [*given.items()],
            "list_url": self.page(given),
            "effect": self.verb.effect,
            "button": self.button,
            "needs_reason": self.verb.needs_reason,
        }
        return TemplateResponse(request, self.template_name, context)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        given = self._given(request.POST)
        reason = request.POST.get("reason", "").strip()[:1_000]
        if self.verb.needs_reason and not reason:
            messages.error(request, f"Nothing was changed. {NEEDS_REASON}")
        elif not self.is_complete(given):
            messages.error(request, "Nothing was changed: the form does not name a group.")
        else:
            for sentence in self.act(given, reason):
                messages.success(request, line(sentence))
        return HttpResponseRedirect(self.page(given))

    def is_complete(self, given: dict[str, str]) -> bool:
        """Whether the fields name exactly one group; otherwise the action would change several groups."""
        return bool(given.get("cause") and given.get("topic") and "type" in given)

    def selection(self, given: dict[str, str]) -> Selection:
        """What the fields of the form mean."""
        return Selection(
            consumer=given.get("consumer"),
            cause=given.get("cause"),
            topic=given.get("topic"),
            type=given.get("type"),
        )

    def act(self, given: dict[str, str], reason: str) -> list[str]:
        """Do it, or begin an operation, and return sentences that say what was done."""
        order = Order(
            verb=self.verb.name.value,
            selection=self.selection(given),
            who=self.request.user.get_username(),
            reason=reason,
        )
        return requests.act(self.operations, order, self.database(given))[0]

    @abstractmethod
    def database(self, given: dict[str, str]) -> str:
        """The alias of the database."""

    @abstractmethod
    def find(self, given: dict[str, str]) -> Cause | None:
        """The group as it is now; None if nothing is held for it."""

    @abstractmethod
    def shown(self, cause: Cause) -> Group:
        """The group in words, for this user."""

    @abstractmethod
    def page(self, given: dict[str, str]) -> str:
        """The address of the status page."""

    def _given(self, values: Any) -> dict[str, str]:
        return {name: str(values[name]) for name in FIELDS if name in values}


def matching(causes: Iterable[Cause], given: dict[str, str]) -> Cause | None:
    """The cause that these fields name."""
    wanted = tuple(given.get(name, "") for name in ("consumer", "cause", "topic", "type"))
    return next((c for c in causes if (c.consumer, c.reason, c.topic, c.type) == wanted), None)

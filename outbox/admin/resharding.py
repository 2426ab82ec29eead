"""The page that divides the log among another number of shards."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views import View

from outbox.admin import databases
from outbox.errors import OutboxError
from outbox.models import Operation, OutboxEvent, Shard
from outbox.operations.bulk import RESHARD, operations
from outbox.operations.dividing import MOST, order
from outbox.operations.resharding import Plan, plan
from outbox.write.buckets import BUCKETS
from outbox_core.operations.bulk import requests
from outbox_core.operations.bulk.model import State
from outbox_core.operations.bulk.outside import OutsideWork
from outbox_core.operations.bulk.verb import Order
from outbox_core.people.admin import ReadOnlyAdmin
from outbox_core.people.text import line

PERMISSION = RESHARD.permission
AT_ONCE = 200_000
"""A merge reads the whole log. One that has more ids is left to a relay."""


class ShardsForm(forms.Form):
    count = forms.IntegerField(min_value=1, max_value=BUCKETS, label="Shards")
    reason = forms.CharField(
        max_length=1_000,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="It is stored in the ledger.",
    )

    def order(self, who: str) -> Order:
        """Of a valid form."""
        given = self.cleaned_data
        return order(given["count"], who, reason=given["reason"].strip(), most=MOST)


class ReshardView(View):
    """GET asks, and with a filled form shows what would be done. POST does it, or begins it."""

    http_method_names = ["get", "post"]
    model_admin: ReadOnlyAdmin = None  # type: ignore[assignment]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not (self.model_admin.has_view_permission(request) and request.user.has_perm(PERMISSION)):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        form = ShardsForm(request.GET if "count" in request.GET else None)
        return self._page(form, self._plan(form))

    def post(self, request: HttpRequest) -> HttpResponse:
        form, using = ShardsForm(request.POST), databases.home()
        planned = self._plan(form)
        if planned is None:
            return self._page(form, None)
        try:
            asked = form.order(request.user.get_username())
            row = operations.begin(asked, using, form.cleaned_data["count"])
            if planned.waiting is None or _is_short(using):
                OutsideWork(operations, using, requests.name()).carry(only=row.pk)
        except (OutboxError, DatabaseError) as error:
            form.add_error(None, line(error, 500))
            return self._page(form, None)
        return self._answer(Operation.objects.using(using).get(pk=row.pk))

    def _plan(self, form: ShardsForm) -> Plan | None:
        """What would be done. What cannot be done becomes an error of the form."""
        if not (form.is_bound and form.is_valid()):
            return None
        using, asked = databases.home(), form.order(self.request.user.get_username())
        try:
            RESHARD.check(asked, using)
            return plan(using, form.cleaned_data["count"])
        except (OutboxError, DatabaseError) as error:
            form.add_error(None, line(error, 500))
            return None

    def _answer(self, row: Operation) -> HttpResponse:
        if row.state == State.DONE:
            for sentence in RESHARD.outcome(row.done, row.events, row.skipped):
                messages.success(self.request, sentence)
            return HttpResponseRedirect(reverse("admin:outbox_outboxstatus_changelist"))
        messages.info(self.request, f"Operation {row.pk} divides the log. A relay carries it out.")
        if not self.request.user.has_perm("outbox.view_operation"):
            return HttpResponseRedirect(reverse("admin:outbox_outboxstatus_changelist"))
        return HttpResponseRedirect(reverse("admin:outbox_operation_change", args=[row.pk]))

    def _page(self, form: ShardsForm, planned: Plan | None) -> HttpResponse:
        context = {
            **self.model_admin.admin_site.each_context(self.request),
            "title": "Divide the log",
            "opts": self.model_admin.opts,
            "media": self.model_admin.media,
            "list_url": reverse("admin:outbox_outboxstatus_changelist"),
            "form": form,
            "preview": planned,
            "most": MOST,
            "waits": planned is not None and planned.waiting is not None and planned.waiting.number > MOST,
            "shards": Shard.objects.using(databases.home()).order_by("id"),
        }
        return TemplateResponse(self.request, "admin/outbox/outboxstatus/shards.html", context)


def _is_short(using: str) -> bool:
    """Whether a request has time to read the log."""
    ids = OutboxEvent.objects.using(using).order_by("pk").values_list("pk", flat=True)
    first, last = ids.first(), ids.last()
    return first is None or last is None or last - first <= AT_ONCE

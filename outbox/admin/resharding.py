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
from outbox.models import Shard
from outbox.operations.resharding import Change, reshard
from outbox.write.buckets import BUCKETS
from outbox_core.people.admin import ReadOnlyAdmin
from outbox_core.people.humanize import plural
from outbox_core.people.text import line

PERMISSION = "outbox.reshard"
MOST = 10_000
"""The most unpublished events that a request renumbers."""


class ShardsForm(forms.Form):
    count = forms.IntegerField(min_value=1, max_value=BUCKETS, label="Shards")
    reason = forms.CharField(
        max_length=1_000,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="It is stored in the ledger.",
    )

    def plan(self, using: str) -> Change | None:
        """What would be done. What cannot be done becomes an error of the form."""
        if not (self.is_bound and self.is_valid()):
            return None
        count = self.cleaned_data["count"]
        try:
            change = reshard(using, count, dry_run=True)
        except (OutboxError, DatabaseError) as error:
            self.add_error(None, line(error, 500))
            return None
        if change.renumbered > MOST:
            events = plural(change.renumbered, "event")
            self.add_error(
                None,
                f"{events} are not published yet and must be renumbered. That takes longer than a request "
                f"may: run manage.py outbox_shards {count}",
            )
            return None
        return change


class ReshardView(View):
    """GET asks, and with a filled form shows what would be done. POST does it."""

    http_method_names = ["get", "post"]
    model_admin: ReadOnlyAdmin = None  # type: ignore[assignment]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not (self.model_admin.has_view_permission(request) and request.user.has_perm(PERMISSION)):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        form = ShardsForm(request.GET if "count" in request.GET else None)
        return self._page(form, form.plan(databases.home()))

    def post(self, request: HttpRequest) -> HttpResponse:
        form, using = ShardsForm(request.POST), databases.home()
        if form.plan(using) is None:
            return self._page(form, None)
        given = form.cleaned_data
        try:
            change = reshard(
                using, given["count"], who=request.user.get_username(), reason=given["reason"].strip()
            )
        except (OutboxError, DatabaseError) as error:
            form.add_error(None, line(error, 500))
            return self._page(form, None)
        messages.success(request, f"Divided the log into {plural(len(change.shards), 'shard')}.")
        return HttpResponseRedirect(reverse("admin:outbox_outboxstatus_changelist"))

    def _page(self, form: ShardsForm, change: Change | None) -> HttpResponse:
        context = {
            **self.model_admin.admin_site.each_context(self.request),
            "title": "Divide the log",
            "opts": self.model_admin.opts,
            "media": self.model_admin.media,
            "list_url": reverse("admin:outbox_outboxstatus_changelist"),
            "form": form,
            "preview": change,
            "shards": Shard.objects.using(databases.home()).order_by("id"),
        }
        return TemplateResponse(self.request, "admin/outbox/outboxstatus/shards.html", context)

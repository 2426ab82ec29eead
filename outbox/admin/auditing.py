"""The page that begins an audit: which events, how many they are and what cannot be compared, then an
operation.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from outbox.errors import OutboxError
from outbox.operations import auditing
from outbox.operations.audit_preview import Preview, preview
from outbox.operations.audit_preview import count as audit_count
from outbox.operations.bulk import AUDIT, operations
from outbox.operations.registered import topics
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.verb import Order
from outbox_core.people.humanize import amount
from outbox_core.people.operations.form import TIME
from outbox_core.people.operations.views import OperationView
from outbox_core.people.text import line

_one = Lock()
"""A process asks Kafka for one preview at a time, so that previews never take all its threads."""
BUSY = "Another preview of an audit is under way in this process. Try again in a few seconds."


class AuditForm(forms.Form):
    """The events of some topics and a range of time, or all."""

    since = forms.DateTimeField(required=False, label="From", widget=TIME, help_text="When it was created.")
    until = forms.DateTimeField(required=False, widget=TIME, help_text="Empty: up to now.")
    topics = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
        help_text="As Kafka knows them, on lines or with spaces between. Empty: all.",
    )
    rate = forms.FloatField(
        required=False, min_value=1, label="Rate", help_text="At most so many a second. Empty: no limit."
    )
    reason = forms.CharField(
        max_length=1_000,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="It is stored in the ledger.",
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        since, until = given.get("since"), given.get("until")
        if since and until and since >= until:
            self.add_error("until", "This is not behind the beginning.")
        return given

    def order(self, who: str) -> Order:
        """Of a valid form."""
        given = self.cleaned_data
        selection = Selection(all=True, since=given["since"], until=given["until"])
        reason = given["reason"].strip()
        return auditing.order(selection, given["topics"].split(), who, reason=reason, rate=given["rate"])


class NewAuditView(OperationView):
    """GET asks, and with a filled form shows what would be compared. POST begins it."""

    http_method_names = ["get", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.has_perm(AUDIT.permission):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        form = AuditForm(request.GET if "reason" in request.GET else None)
        order = self._order(form)
        found = None if order is None else self._preview(form, order)
        return self._page(form, found, order)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AuditForm(request.POST)
        order, using = self._order(form), self.model_admin.database()
        if order is None:
            return self._page(form, None, None)
        try:
            count = audit_count(order, using)
            row = operations.begin(order, using, count.number, capped=count.capped)
        except OutboxError as error:
            form.add_error(None, line(error, 500))
            return self._page(form, None, None)
        messages.success(request, f"Operation {row.pk} compares the events. A relay carries it out.")
        return self.back(row.pk)

    def _order(self, form: AuditForm) -> Order | None:
        if not (form.is_bound and form.is_valid()):
            return None
        return form.order(self.request.user.get_username())

    def _preview(self, form: AuditForm, order: Order) -> Preview | None:
        """What cannot be done becomes an error of the form."""
        using = self.model_admin.database()
        if not _one.acquire(blocking=False):
            form.add_error(None, BUSY)
            return None
        try:
            AUDIT.check(order, using)
            return preview(order, using)
        except OutboxError as error:
            form.add_error(None, line(error, 500))
            return None
        finally:
            _one.release()

    def _page(self, form: AuditForm, found: Preview | None, order: Order | None) -> HttpResponse:
        context = {
            **self.model_admin.admin_site.each_context(self.request),
            "title": "New audit",
            "opts": self.model_admin.opts,
            "media": self.model_admin.media,
            "list_url": reverse("admin:outbox_operation_changelist"),
            "form": form,
            "preview": None if found is None or order is None else _shown(found, order),
            "topics": [*topics()],
        }
        return TemplateResponse(self.request, "admin/outbox/operation/audit.html", context)


def _shown(found: Preview, order: Order) -> dict[str, Any]:
    return {
        "title": f"Compare {found.words} with Kafka",
        "rate": amount(order.rate) if order.rate else "",
        "effect": AUDIT.effect,
        "scope": AUDIT.scope(order),
        "outside": [line(each, 300) for each in found.outside],
        "nothing": not found.count.number and not found.count.capped,
    }

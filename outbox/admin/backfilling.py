"""The page that begins a backfill: which rows, how fast, the first events, then an operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.management.base import CommandError
from django.db import DatabaseError, OperationalError
from django.db.models import Model
from django.db.models.signals import post_save
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from outbox.capture.receivers import receivers_of
from outbox.errors import OutboxError
from outbox.operations.backfill import run
from outbox.operations.backfill.calls import Calls, Failure, chosen
from outbox.operations.backfill.chunks import Chunks
from outbox.operations.backfill.rows import Rows, shown
from outbox.operations.bulk import BACKFILL, operations
from outbox.write.row import NewRow
from outbox_core.database import by_index
from outbox_core.operations.bulk.model import OPEN
from outbox_core.operations.bulk.verb import Order
from outbox_core.people.humanize import amount, plural
from outbox_core.people.operations.views import SAMPLE, OperationView
from outbox_core.people.text import line

COUNT_SECONDS = 2


class BackfillForm(forms.Form):
    """Rows between two primary keys, or all."""

    model = forms.ChoiceField(label="Rows of", help_text="Models that have a receiver with backfill.")
    first = forms.CharField(
        required=False, max_length=200, label="From key", help_text="Empty: from the first row."
    )
    last = forms.CharField(
        required=False, max_length=200, label="To key", help_text="Empty: to the last row that is there now."
    )
    rate = forms.IntegerField(min_value=1, initial=run.RATE, help_text="At most so many rows a second.")
    skip_failing = forms.BooleanField(
        required=False,
        label="Skip rows for which a receiver fails",
        help_text="They are counted and named. Otherwise the backfill stops there.",
    )
    reason = forms.CharField(
        max_length=1_000,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="It is stored in the ledger.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = [model._meta.label for model in models()]
        self.fields["model"].choices = [(label, label) for label in labels]  # type: ignore[attr-defined]

    def calls(self, using: str) -> Calls:
        """Of a valid form. Raises CommandError for a key that the model cannot have."""
        given = self.cleaned_data
        model = apps.get_model(given["model"])
        named = (("pk__gte", given["first"].strip()), ("pk__lte", given["last"].strip()))
        filters = tuple(f"{name}={value}" for name, value in named if value)
        rows = Rows(model=model, using=using, filters=filters)
        rows.matching()
        return Calls(rows=rows, receivers=chosen(model, ()))

    def order(self, calls: Calls, who: str) -> Order:
        """Raises OutboxError if no row matches, or such a backfill is not complete."""
        latest, until = run.latest(calls), calls.rows.last()
        if latest is not None and latest.state in OPEN:
            raise OutboxError(f"Operation {latest.pk} does this already: it is {latest.state}.")
        if until is None:
            raise OutboxError(f"No row of {calls.rows.label} matches.")
        given = self.cleaned_data
        pace = {"chunk": run.CHUNK, "max_age": run.MAX_AGE, "skip_failing": given["skip_failing"]}
        return run.order(calls, until, who, rate=given["rate"], reason=given["reason"].strip(), **pace)


class NewBackfillView(OperationView):
    """GET asks, and with a filled form shows what would be done. POST begins it."""

    http_method_names = ["get", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.has_perm(BACKFILL.permission):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        form = BackfillForm(request.GET if "model" in request.GET else None)
        asked = self._order(form)
        return self._page(form, None if asked is None else self._preview(form, *asked))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = BackfillForm(request.POST)
        asked = self._order(form)
        if asked is None:
            return self._page(form, None)
        _, order = asked
        row = operations.begin(order, self.model_admin.database(), self._count(*asked))
        messages.success(request, f"Operation {row.pk} writes the events. A relay carries it out.")
        return self.back(row.pk)

    def _order(self, form: BackfillForm) -> tuple[Calls, Order] | None:
        """None for a form that is not filled, or makes no sense; then it has an error."""
        if not (form.is_bound and form.is_valid()):
            return None
        try:
            calls = form.calls(self.model_admin.database())
            return calls, form.order(calls, self.request.user.get_username())
        except (OutboxError, CommandError, DatabaseError) as error:
            form.add_error(None, line(error, 500))
            return None

    def _count(self, calls: Calls, order: Order) -> int:
        try:
            with by_index(calls.rows.using, statement_timeout=f"{COUNT_SECONDS}s"):
                return calls.rows.count(None, run.key(calls, order.options["until"]))
        except OperationalError:  # a filter without an index over very many rows
            return 0

    def _preview(self, form: BackfillForm, calls: Calls, order: Order) -> Mapping[str, Any] | None:
        chunks = Chunks(calls=calls, until=run.key(calls, order.options["until"]))
        try:
            found = chunks.sample(None, SAMPLE)
        except (OutboxError, DatabaseError) as error:
            form.add_error(None, line(error, 500))
            return None
        may_see = self.request.user.has_perm("outbox.view_payload")
        total = self._count(calls, order)
        return {
            "title": f"Write events for {plural(total, 'row') if total else 'very many rows'}",
            "scope": run.scope(order.options),
            "effect": BACKFILL.effect,
            "rate": amount(order.rate or 0),
            "lines": [line(each, 300) for pk, rows in found for each in _lines(pk, rows, errors=may_see)],
        }

    def _page(self, form: BackfillForm, preview: Mapping[str, Any] | None) -> HttpResponse:
        context = {
            **self.model_admin.admin_site.each_context(self.request),
            "title": "New backfill",
            "opts": self.model_admin.opts,
            "media": self.model_admin.media,
            "list_url": reverse("admin:outbox_operation_changelist"),
            "form": form,
            "preview": preview,
            "has_models": any(models()),
        }
        return TemplateResponse(self.request, "admin/outbox/operation/backfill.html", context)


def models() -> Iterator[type[Model]]:
    """Those of which a receiver takes backfill."""
    for model in apps.get_models():
        if any(each.takes_backfill for each in receivers_of(post_save, model)):
            yield model


def _lines(pk: Any, found: list[NewRow] | Failure, *, errors: bool) -> Iterator[str]:
    if isinstance(found, Failure):
        yield str(found) if errors else f"Row {shown(pk)}: {found.receiver} fails"
        return
    for row in found:
        yield f"Row {shown(pk)}: {row.type}, key {row.key} of {row.topic}"
    if not found:
        yield f"Row {shown(pk)}: no event"

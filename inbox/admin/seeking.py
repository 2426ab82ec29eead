"""The page that moves a consumer to other offsets: what would happen, then a request to its processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views import View

from inbox.admin.pausing import SEPARATOR, value
from inbox.conf import settings
from inbox.errors import InboxError
from inbox.operations import seeking
from inbox.operations.bulk import SEEK, operations
from inbox.operations.places import BEGINNING, END, OFFSET, TIME, Place, Plan, plan
from outbox_core.operations.bulk import requests
from outbox_core.operations.bulk.words import so_far
from outbox_core.people.admin import ReadOnlyAdmin
from outbox_core.people.operations.form import TIME as TIME_INPUT
from outbox_core.people.text import line

LIST_MOVES = 100
PLACES = (
    (OFFSET, "an offset"),
    (TIME, "a time"),
    (BEGINNING, "the beginning: the first record that Kafka has"),
    (END, "the end: only records that are written from now on"),
)


class SeekForm(forms.Form):
    """``confirmed`` are the offsets that the person has seen in the preview: ``0:7 1:9``."""

    topic = forms.ChoiceField(label="Consumer and topic")
    partition = forms.IntegerField(required=False, min_value=0, help_text="Empty: all of the topic.")
    place = forms.ChoiceField(label="Move it to", choices=PLACES)
    offset = forms.IntegerField(required=False, min_value=0, help_text="It is handled next.")
    at = forms.DateTimeField(
        required=False,
        label="Time",
        widget=TIME_INPUT,
        help_text="The first record that Kafka received then or later.",
    )
    reason = forms.CharField(
        max_length=1_000,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="It is stored in the ledger.",
    )
    confirmed = forms.RegexField(r"\A\d+:\d+( \d+:\d+)*\Z", required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["topic"].choices = [*_choices()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for kind, name in ((OFFSET, "offset"), (TIME, "at")):
            if given.get("place") == kind and given.get(name) is None and name not in self.errors:
                self.add_error(name, "Fill this in, or choose another place.")
        return given

    def plan(self, using: str) -> Plan | None:
        """What it means. What cannot be done becomes an error of the form."""
        consumer, _, topic = self.cleaned_data["topic"].rpartition(SEPARATOR)
        try:
            return plan(consumer, topic, self.cleaned_data["partition"], self._place(), using)
        except InboxError as error:
            self.add_error(None, line(error))
            return None

    def _place(self) -> Place:
        given = self.cleaned_data
        if given["confirmed"]:
            pairs = (pair.split(":") for pair in given["confirmed"].split())
            return Place(exact={int(number): int(offset) for number, offset in pairs})
        kind = given["place"]
        return Place(
            kind=kind,
            offset=given["offset"] if kind == OFFSET else None,
            at=given["at"] if kind == TIME else None,
        )


class SeekView(View):
    """GET asks, and with a filled form shows what would be done. POST does it, or requests it."""

    http_method_names = ["get", "post"]
    model_admin: ReadOnlyAdmin = None  # type: ignore[assignment]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not (self.model_admin.has_view_permission(request) and request.user.has_perm(SEEK.permission)):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        form = SeekForm(request.GET if "place" in request.GET else None)
        found = form.plan(settings().database) if form.is_bound and form.is_valid() else None
        return self._page(form, found)

    def post(self, request: HttpRequest) -> HttpResponse:
        form, using = SeekForm(request.POST), settings().database
        if not form.is_valid() or not form.cleaned_data["confirmed"]:
            return self._page(form, None)
        found = form.plan(using)
        if found is None:
            return self._page(form, None)
        try:
            pk = self._begin(found, form.cleaned_data["reason"], using)
        except InboxError as error:
            form.add_error(None, line(error))
            return self._page(form, None)
        row = requests.carry(operations, using, pk)
        for sentence in so_far(row, SEEK):
            messages.success(request, line(sentence))
        if request.user.has_perm("inbox.view_operation"):
            return HttpResponseRedirect(reverse("admin:inbox_operation_change", args=[pk]))
        return HttpResponseRedirect(reverse("admin:inbox_inboxstatus_changelist"))

    def _begin(self, found: Plan, reason: str, using: str) -> int:
        order = seeking.order(found, self.request.user.get_username(), reason)
        with transaction.atomic(using=using):
            seeking.lock(found.consumer, using)
            return int(operations.begin(order, using, len(found.moves)).pk)

    def _page(self, form: SeekForm, found: Plan | None) -> HttpResponse:
        context = {
            **self.model_admin.admin_site.each_context(self.request),
            "title": "Move a consumer",
            "opts": self.model_admin.opts,
            "media": self.model_admin.media,
            "list_url": reverse("admin:inbox_inboxstatus_changelist"),
            "form": form,
            "preview": None if found is None else _preview(found),
        }
        return TemplateResponse(self.request, "admin/inbox/inboxstatus/seek.html", context)


def _choices() -> Iterator[tuple[str, str]]:
    inbox = settings()
    for name in sorted(inbox.consumers):
        for topic in inbox.consumer(name).topics:
            yield value(name, topic), f"{name}, topic {topic}"


def _preview(found: Plan) -> Mapping[str, Any]:
    return {
        "plan": found,
        "moves": found.moves[:LIST_MOVES],
        "more": max(0, len(found.moves) - LIST_MOVES),
        "confirmed": " ".join(f"{each.partition}:{each.goes}" for each in found.moves),
    }

"""The form that searches the list of events."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.views.main import ERROR_FLAG, IGNORED_PARAMS, PAGE_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.http import HttpRequest
from django.utils import timezone

from outbox.admin import databases
from outbox.models import EventStatus, Hold, OutboxEvent
from outbox.operations import registered
from outbox.search.search import STATEMENT_SECONDS, Found, Kind, Search, one_by_one, took_too_long
from outbox.write.registry import registry
from outbox_core.people.text import line

RECENT = 2_000
"""Newest events whose types and topics are suggested."""
LISTED = 200
BIGGEST_ID = 2**63 - 1

_AGE = re.compile(r"(\d{1,5}) ?(s|min|h|d)")
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


class MomentField(forms.CharField):
    """A time: with its date, of today, or as an age."""

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return _moment(text)
        except (ValueError, OverflowError):
            said = "Write a time as 2026-01-31 12:00, as 12:00 for today, or as an age: 15min, 2h, 3d."
            raise ValidationError(said) from None


class SearchForm(forms.Form):
    """A GET form: what it asks for is in the address of the page."""

    q = forms.CharField(required=False, max_length=2_000, label="Search for")
    by = forms.ChoiceField(required=False, choices=Kind.choices, label="as")
    status = forms.ChoiceField(required=False, choices=[("", "any"), *EventStatus.choices])
    type = forms.CharField(required=False, max_length=500)
    topic = forms.CharField(required=False, max_length=500)
    since = MomentField(required=False, max_length=40)
    until = MomentField(required=False, max_length=40)
    cursor = forms.IntegerField(required=False, min_value=0, max_value=BIGGEST_ID, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, place in (("type", "types"), ("topic", "topics")):
            self.fields[name].widget.attrs |= {"list": f"outbox-{place}", "autocomplete": "off"}
        for name in ("since", "until"):
            self.fields[name].widget.attrs |= {"placeholder": "12:00 or 15min", "size": 16}

    def search(self) -> Search:
        given = self.cleaned_data
        same = {name: given[name] for name in ("status", "type", "topic", "since", "until", "cursor")}
        text, kind = given["q"], Kind(given["by"] or Kind.ID)
        return Search(text=_trace_id(text) if kind == Kind.TRACE else text, kind=kind, **same)


class EventList(ChangeList):
    """What a search finds. Nothing is counted."""

    form: SearchForm
    found: Found

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        self.filter_specs: list[Any] = []
        self.has_filters = self.has_active_filters = False
        if unknown := set(request.GET) - {*SearchForm.base_fields, *IGNORED_PARAMS, PAGE_VAR, ERROR_FLAG}:
            raise DisallowedModelAdminLookup(f"Events cannot be searched by {', '.join(sorted(unknown))}.")
        return self.root_queryset

    def get_results(self, request: HttpRequest) -> None:
        self.form = SearchForm(request.GET)
        self.found = self._search() if self.form.is_valid() else Found()
        self.result_list = self.found.events
        self.result_count = len(self.found.events)
        self.full_result_count = None
        self.show_full_result_count = self.show_admin_actions = False
        self.can_show_all = self.multi_page = False

    def _search(self) -> Found:
        using = databases.home()
        try:
            with one_by_one(using):
                return self.form.search().run(using)
        except OperationalError as error:
            if not took_too_long(error):
                raise
            said = f"PostgreSQL did not answer within {STATEMENT_SECONDS} s."
            self.form.add_error(None, f"{said} Search a shorter time, or try again later.")
            return Found()

    @property
    def further(self) -> str:
        """The address of what comes behind these events."""
        return str(self.get_query_string({"cursor": self.found.cursor}))

    @property
    def from_the_start(self) -> str:
        return str(self.get_query_string({"cursor": None}))

    @property
    def otherwise(self) -> list[tuple[str, str]]:
        """An id that no event has may be an id of something else: the addresses of these searches."""
        unknown = self.form.is_valid() and self.form.search().is_for_id and not self.found.events
        kinds = (Kind.CORRELATION, Kind.TRACE, Kind.KEY) if unknown else ()
        return [(kind.label, self.get_query_string({"by": kind.value})) for kind in kinds]


def suggestions() -> dict[str, list[str]]:
    """Types and topics: the registered ones, those of the newest events and of holds."""
    newest = list(OutboxEvent.objects.order_by("-pk").values_list("type", "topic")[:RECENT])
    held = Hold.objects.order_by("topic").values_list("topic", flat=True).distinct()[:LISTED]
    types = {*(each.name for each in registry), *(type_ for type_, _ in newest)}
    topics = {*registered.topics(), *held, *(topic for _, topic in newest)}
    return {"types": _shown(types), "topics": _shown(topics)}


def _shown(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if line(name) == name)[:LISTED]


def _trace_id(text: str) -> str:
    """It may be given as a whole traceparent."""
    parts = text.lower().split("-")
    return parts[1] if len(parts) == 4 else parts[0]


def _moment(text: str) -> datetime:
    now = timezone.localtime()
    if age := _AGE.fullmatch(text):
        return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
    try:
        of_today = datetime.combine(now.date(), time.fromisoformat(text))
    except ValueError:
        found = datetime.fromisoformat(text)
    else:
        found = of_today
    return timezone.make_aware(found) if timezone.is_naive(found) else found

"""The list of the ledger: who, what and when, with text fields for what has too many values for a filter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.db.models import Q
from django.http import HttpRequest

from outbox_core.operations.ledger import OUTCOMES

FACETS = ("consumer", "topic", "type", "key")
LONGEST = 1_000
TIMES = forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S")


class Narrowing(forms.Form):
    """What the list is narrowed to. An entry with several criteria, such as a list of keys, is found by each
    of them.
    """

    who = forms.CharField(required=False, max_length=LONGEST)
    consumer = forms.CharField(required=False, max_length=LONGEST)
    topic = forms.CharField(required=False, max_length=LONGEST)
    type = forms.CharField(required=False, max_length=LONGEST)
    key = forms.CharField(required=False, max_length=LONGEST)
    since = forms.DateTimeField(required=False, label="From", widget=TIMES)
    until = forms.DateTimeField(required=False, widget=TIMES)

    def condition(self) -> Q:
        """The entries that it means. Raises IncorrectLookupParameters if a field is wrong."""
        if not self.is_valid():
            raise IncorrectLookupParameters
        given = {name: value for name, value in self.cleaned_data.items() if value}
        condition = Q()
        if who := given.get("who"):
            condition &= Q(who__icontains=who)
        for name in given.keys() & set(FACETS):
            path = f"selection__{name}"
            condition &= Q(**{path: given[name]}) | Q(**{f"{path}__contains": [given[name]]})
        if since := given.get("since"):
            condition &= Q(last_at__gte=since)
        if until := given.get("until"):
            condition &= Q(at__lt=until)
        return condition


class ByFilter(admin.SimpleListFilter):
    """By people, or by processes themselves."""

    title = "who"
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("people", "people"), ("processes", "processes by themselves")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        by = {"people": False, "processes": True}.get(self.value() or "")
        return queryset if by is None else queryset.filter(automatic=by)


class OutcomeFilter(admin.SimpleListFilter):
    """By outcome, without reading all rows to find the outcomes."""

    title = parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(outcome, outcome) for outcome in OUTCOMES]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset if self.value() is None else queryset.filter(outcome=self.value())


class LedgerList(ChangeList):
    """Narrowed by the fields of ``Narrowing``. A field that is wrong shows its error and finds nothing."""

    narrowed: Narrowing

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        found = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name not in Narrowing.base_fields}

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        self.narrowed = Narrowing(request.GET)
        if not getattr(self.model_admin, "has_consumers", False):
            del self.narrowed.fields["consumer"]
        found = super().get_queryset(request, exclude_parameters)
        try:
            return found.filter(self.narrowed.condition())
        except IncorrectLookupParameters:
            return found.none()

    @property
    def other_parameters(self) -> Iterator[tuple[str, Any]]:
        """The parameters that the form must keep: the filters beside the list, and the search."""
        own = {*Narrowing.base_fields, PAGE_VAR}
        return ((name, value) for name, value in self.params.items() if name not in own)

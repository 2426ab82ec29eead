"""Read-only admin pages, without free filters and without counting millions of rows."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ActionForm
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property

LIMIT = 10_000
"""The most rows that a list counts and shows pages for."""


class ReasonForm(ActionForm):
    """The form of the actions, with a reason."""

    reason = forms.CharField(required=False, max_length=1_000, label="Reason to discard")


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts up to a limit and has no pages beyond it, because COUNT(*) of a large table takes seconds."""

    @cached_property
    def _found(self) -> int:
        rows = cast("QuerySet[Model]", self.object_list)
        return rows.order_by().values("pk")[: LIMIT + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._found, LIMIT)

    @property
    def capped(self) -> bool:
        """Whether there are more than ``count``."""
        return self._found > LIMIT


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """For rows that only the processes write. Actions are the only changes."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    list_per_page = 50
    title = ""
    """The heading of the list."""
    lookups: frozenset[str] = frozenset()
    """The fields that a query string may filter by."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only the filters on the page: any other query string could scan the table or guess a payload."""
        return lookup in self.lookups

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        named = {"title": self.title} if self.title else {}
        return super().changelist_view(request, {**named, **(extra_context or {})})

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """What the template of the page of one row needs besides the row."""
        return {}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        more = {**self.page_context(request, object_id), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, more)

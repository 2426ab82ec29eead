"""The page that previews and begins an operation, and the buttons that pause, resume and cancel one."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views import View

from outbox_core.database import BY_INDEX, pinned
from outbox_core.operations.bulk import requests
from outbox_core.operations.bulk.verb import Order
from outbox_core.people.operations.form import OrderForm
from outbox_core.people.text import line

SAMPLE = 10
PAST = {"pause": "Paused", "resume": "Resumed", "cancel": "Cancelled"}


class OperationView(View):
    """``model_admin`` is the admin of the side's operations."""

    model_admin: Any = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not self.model_admin.has_view_permission(request):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def back(self, pk: int | None = None) -> HttpResponse:
        """To the page of an operation, or to the list."""
        app = self.model_admin.opts.app_label
        if pk is None:
            return HttpResponseRedirect(reverse(f"admin:{app}_operation_changelist"))
        return HttpResponseRedirect(reverse(f"admin:{app}_operation_change", args=[pk]))


class NewOperationView(OperationView):
    """GET shows the form, and if it is filled in, a preview. POST does the work or begins the operation."""

    http_method_names = ["get", "post"]

    def get(self, request: HttpRequest) -> HttpResponse:
        form = self._form(request, request.GET if "verb" in request.GET else None)
        order = form.order if form.is_bound and form.is_valid() else None
        return self._page(request, form, order)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self._form(request, request.POST)
        if not form.is_valid():
            return self._page(request, form, None)
        try:
            said, row = requests.act(self.model_admin.operations, form.order, self.model_admin.database())
        except self.model_admin.operations.refusals as error:
            form.add_error(None, line(error))
            return self._page(request, form, None)
        for sentence in said:
            messages.success(request, line(sentence))
        return self.back(row.pk if row else None)

    def _form(self, request: HttpRequest, data: Any) -> OrderForm:
        form = OrderForm(self.model_admin.operations, request, self.model_admin.hidden_fields, data)
        if not form.offers_anything:
            raise PermissionDenied
        return form

    def _page(self, request: HttpRequest, form: OrderForm, order: Order | None) -> HttpResponse:
        context = {
            **self.model_admin.admin_site.each_context(request),
            "title": "New operation",
            "opts": self.model_admin.opts,
            "media": self.model_admin.media,
            "list_url": reverse(f"admin:{self.model_admin.opts.app_label}_operation_changelist"),
            "form": form,
            "preview": self._preview(form, order) if order else None,
        }
        return TemplateResponse(request, self.model_admin.template("new"), context)

    def _preview(self, form: OrderForm, order: Order) -> dict[str, Any] | None:
        """How many rows, and the first ones. An order that makes no sense becomes an error of the form."""
        operations, using = self.model_admin.operations, self.model_admin.database()
        verb = operations.selecting[order.verb]
        try:
            verb.check(order, using)
        except operations.refusals as error:
            form.add_error(None, line(error))
            return None
        count = requests.count(operations, order, using)
        return {
            "verb": verb,
            "count": count.words(verb.noun),
            "nothing": not count.number and not count.capped,
            "lines": [] if not count.number else self._lines(order),
            "rate": order.rate,
        }

    def _lines(self, order: Order) -> list[str]:
        verb, using = self.model_admin.operations.selecting[order.verb], self.model_admin.database()
        errors = self.model_admin.may_see_errors(self.request)
        with pinned(using, BY_INDEX, undo=True):
            rows = verb.counted(order, using).order_by("pk")[:SAMPLE]
            return [line(each, 300) for each in islice(verb.lines(rows, errors=errors), SAMPLE)]


class ChangeOperationView(OperationView):
    """POST only. ``change`` is pause, resume or cancel."""

    http_method_names = ["post"]
    change = ""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        operations, using = self.model_admin.operations, self.model_admin.database()
        row = operations.rows(using).filter(pk=pk).first()
        if row is None:
            raise Http404(f"There is no operation {pk}.")
        if not request.user.has_perm(operations.verb(row).permission):
            raise PermissionDenied
        if getattr(operations, self.change)(using, pk, request.user.get_username()):
            messages.success(request, f"{PAST[self.change]} operation {pk}.")
            if self.change == "resume":
                requests.carry(operations, using, pk)
        else:
            messages.warning(request, f"Nothing was changed: operation {pk} is {row.state}.")
        return self.back(pk)

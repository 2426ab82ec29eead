"""The pages that follow the events of an order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from shop.journey import Journey
from shop.journey.search import search
from shop.models import DeclinedPayment, Order

if TYPE_CHECKING:
    from uuid import UUID


def _visible(request: HttpRequest) -> QuerySet[Order]:
    """The orders that a visitor may see: one's own, or all for the staff."""
    orders = Order.objects.select_related("customer")
    return orders if request.user.is_staff else orders.filter(customer=request.user.pk)


@login_required
@require_safe
@never_cache
def order(request: HttpRequest, pk: UUID) -> HttpResponse:
    """An order, and where its events are."""
    order = get_object_or_404(_visible(request), pk=pk)
    context = {
        "order": order,
        "lines": order.lines.select_related("product"),
        "journey": Journey.of(order),
        "is_own": order.customer_id == request.user.pk,
    }
    return render(request, "shop/order.html", context)


@login_required
@require_safe
@never_cache
def journey(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The changing parts of the order's page, for its script: the state and text of each mark."""
    journey = Journey.of(get_object_or_404(_visible(request), pk=pk))
    marks = {station.name: station.mark for station in journey.stations}
    for step in journey.steps:
        marks |= {f"{name}-{step.event.event_id}": mark for name, mark in step.marks.items()}
    return JsonResponse(
        {
            "complete": journey.is_complete,
            "summary": journey.summary,
            "marks": {name: {"state": mark.state, "text": mark.text} for name, mark in marks.items()},
            "knows": {station.name: station.knows for station in journey.stations},
        }
    )


@login_required
@require_safe
@never_cache
def declined(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """An order that was rolled back, and the search for any trace of it."""
    payments = DeclinedPayment.objects.all()
    if not request.user.is_staff:
        payments = payments.filter(customer_id=request.user.pk or 0)
    payment = get_object_or_404(payments, order_id=order_id)
    return render(request, "shop/declined.html", {"payment": payment, "traces": search(payment)})

"""The pages to order, pay and cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from shop import checkout as till
from shop.basket import Basket
from shop.errors import PaymentDeclined, StatusConflict
from shop.forms import CheckoutForm
from shop.models import Order
from shop.views.customer import customer_of

if TYPE_CHECKING:
    from uuid import UUID


@login_required
@require_http_methods(["GET", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    """Order what is in the basket."""
    basket = Basket(request.session)
    if not basket:
        return redirect("shop:basket")
    form = CheckoutForm(request.POST if request.method == "POST" else None)
    if not (form.is_bound and form.is_valid()):
        return render(request, "shop/checkout.html", {"form": form})
    try:
        order = till.checkout(customer_of(request.user), basket.lines(), form.charge())
    except PaymentDeclined as declined:
        return redirect("shop:declined", declined.order.pk)
    basket.empty()
    return redirect(order)


@login_required
@require_POST
def pay(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Pay an order that was placed on invoice."""
    order = get_object_or_404(Order, pk=pk, customer=request.user.pk)
    try:
        order.pay()
    except StatusConflict as conflict:
        messages.error(request, str(conflict))
    return redirect(order)


@login_required
@require_POST
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Cancel an order, paid or not."""
    order = get_object_or_404(Order, pk=pk, customer=request.user.pk)
    try:
        order.cancel(request.POST.get("reason", "")[:200] or "changed my mind")
    except StatusConflict as conflict:
        messages.error(request, str(conflict))
    return redirect(order)

"""The pages of the basket."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from shop.basket import Basket
from shop.models import Product


@require_safe
def basket(request: HttpRequest) -> HttpResponse:
    """What has been chosen so far."""
    return render(request, "shop/basket.html")


@require_POST
def add(request: HttpRequest, slug: str) -> HttpResponse:
    """Put one of a record into the basket."""
    product = get_object_or_404(Product, slug=slug)
    Basket(request.session).add(product)
    messages.success(request, f"“{product.name}” is in your basket.")
    return redirect("shop:basket")


@require_POST
def change(request: HttpRequest, slug: str) -> HttpResponse:
    """Change the number of a product in the basket. Anything else than a number removes it."""
    product = get_object_or_404(Product, slug=slug)
    quantity = request.POST.get("quantity", "")
    Basket(request.session).put(product, int(quantity) if quantity.isascii() and quantity.isdigit() else 0)
    return redirect("shop:basket")

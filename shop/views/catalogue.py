"""The pages of the products."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from shop.models import Product, Tag


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """All records, or those of one genre or tag."""
    genre, tag = request.GET.get("genre", ""), request.GET.get("tag", "")
    products = Product.objects.all()
    if genre:
        products = products.filter(genre=genre)
    if tag:
        products = products.filter(tags__name=tag)
    context = {
        "products": products,
        "genres": Product.Genre,
        "tags": Tag.objects.all(),
        "genre": genre,
        "tag": tag,
    }
    return render(request, "shop/catalogue.html", context)


@require_safe
def product(request: HttpRequest, slug: str) -> HttpResponse:
    """One record."""
    record = get_object_or_404(Product.objects.prefetch_related("tags"), slug=slug)
    alike = Product.objects.filter(genre=record.genre).exclude(pk=record.pk)[:4]
    return render(request, "shop/product.html", {"product": record, "alike": alike})

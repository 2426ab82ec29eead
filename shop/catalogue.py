"""Fills the shop with products."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from shop.models import Product, Tag

RECORDS = Path(__file__).with_name("catalogue.toml")


def seed() -> int:
    """Add the missing products with their tags. Returns how many were added."""
    records = tomllib.loads(RECORDS.read_text(encoding="utf-8"))["records"]
    return sum(_stock(**record) for record in records)


@transaction.atomic
def _stock(name: str, tags: list[str], **fields: Any) -> bool:
    product, created = Product.objects.get_or_create(slug=slugify(name), defaults={"name": name, **fields})
    if created:
        product.tags.set([Tag.objects.get_or_create(name=tag)[0] for tag in tags])
    return created

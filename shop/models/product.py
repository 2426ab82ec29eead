"""Products and their tags."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.urls import reverse


class Tag(models.Model):
    """A word to find products by. Adding it to a product, or removing it, is an event."""

    name = models.CharField(max_length=40, unique=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """A record. Its sleeve is drawn from ``colour``, ``accent`` and ``pattern``."""

    class Genre(models.TextChoices):
        JAZZ = "jazz", "Jazz"
        SOUL = "soul", "Soul"
        ROCK = "rock", "Rock"
        FOLK = "folk", "Folk"
        CLASSICAL = "classical", "Classical"
        ELECTRONIC = "electronic", "Electronic"

    class Pattern(models.TextChoices):
        RINGS = "rings", "Rings"
        SUN = "sun", "Sun"
        STRIPES = "stripes", "Stripes"
        WAVES = "waves", "Waves"
        HILLS = "hills", "Hills"
        TILES = "tiles", "Tiles"

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=120, unique=True)
    artist = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    genre = models.CharField(max_length=20, choices=Genre.choices)
    price = models.DecimalField(max_digits=8, decimal_places=2, validators=[MinValueValidator(0)])
    colour = models.CharField(max_length=7, default="#2f4858", validators=[RegexValidator(r"^#[0-9a-f]{6}$")])
    accent = models.CharField(max_length=7, default="#f6ae2d", validators=[RegexValidator(r"^#[0-9a-f]{6}$")])
    pattern = models.CharField(max_length=10, choices=Pattern.choices, default=Pattern.RINGS)
    tags = models.ManyToManyField(Tag, related_name="products", blank=True)

    class Meta:
        ordering: ClassVar = ["artist", "name"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(price__gte=0), name="shop_product_price"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.artist})"

    def get_absolute_url(self) -> str:
        return reverse("shop:product", args=[self.slug])

"""Turns signals of Django into events. An event commits or rolls back with its change."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db.models.signals import m2m_changed, post_delete, post_migrate, post_save, pre_delete

import outbox
import shop
from shop.events import (
    CustomerChanged,
    CustomerDeleted,
    CustomerRegistered,
    DeploymentMigrated,
    OrderCancelled,
    OrderPaid,
    OrderPlaced,
    ProductTagged,
    ProductUntagged,
)
from shop.models import Order, Product, Tag

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from django.db.migrations import Migration

PROFILE = {"email", "first_name", "last_name"}


@outbox.receiver(post_save, sender=User)
def customer_saved(
    instance: User, created: bool, update_fields: Collection[str] | None = None, **kwargs: Any
) -> CustomerRegistered | CustomerChanged | None:
    if created:
        return CustomerRegistered.of(instance)
    if update_fields is not None and PROFILE.isdisjoint(update_fields):
        return None  # a login writes only last_login, which is not part of the profile
    return CustomerChanged.of(instance)


@outbox.receiver(post_delete, sender=User)
def customer_deleted(instance: User, **kwargs: Any) -> CustomerDeleted:
    return CustomerDeleted(customer_id=instance.pk)


@outbox.receiver(post_save, sender=Order)
def order_saved(
    instance: Order, created: bool, update_fields: Collection[str] | None = None, **kwargs: Any
) -> OrderPlaced | OrderPaid | OrderCancelled | None:
    if created:
        return OrderPlaced.of(instance)
    if not instance.status_written(update_fields):
        return None
    match instance.status:
        case Order.Status.PAID:
            return OrderPaid.of(instance)
        case Order.Status.CANCELLED:
            return OrderCancelled.of(instance)
    return None


@outbox.receiver(m2m_changed, sender=Product.tags.through)
def tags_changed(
    instance: Product | Tag, action: str, pk_set: Collection[int] | None, using: str, **kwargs: Any
) -> Iterator[ProductTagged | ProductUntagged]:
    """One event for each product, from either end: ``product.tags.add()`` or ``tag.products.add()``."""
    if action == "post_add":
        for product_id, tags in tags_by_product(instance, pk_set, using):
            yield ProductTagged(product_id=product_id, tags=tags)
    elif action in {"pre_remove", "pre_clear"}:  # afterwards the earlier tags are unknown
        for product_id, tags in tags_by_product(instance, pk_set, using):
            yield ProductUntagged(product_id=product_id, tags=tags)


@outbox.receiver(pre_delete, sender=Tag)
def tag_deleted(instance: Tag, using: str, **kwargs: Any) -> Iterator[ProductUntagged]:
    for product_id, tags in tags_by_product(instance, None, using):
        yield ProductUntagged(product_id=product_id, tags=tags)


@outbox.receiver(post_migrate, sender=apps.get_app_config("shop"))
def migrated(plan: Iterable[tuple[Migration, bool]] = (), **kwargs: Any) -> DeploymentMigrated | None:
    """One event for each run of ``migrate`` that applied something; Django sends the signal once for each
    app.
    """
    applied = tuple(
        f"{migration.app_label}.{migration.name}" for migration, backwards in plan if not backwards
    )
    return DeploymentMigrated(migrations=applied, version=shop.__version__) if applied else None


def tags_by_product(
    end: Product | Tag, others: Collection[int] | None, using: str
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The tags of the links between ``end`` and ``others`` (None: all), product by product."""
    near, far = ("product", "tag") if isinstance(end, Product) else ("tag", "product")
    links = Product.tags.through._default_manager.using(using).filter(**{near: end})
    if others is not None:
        links = links.filter(**{f"{far}__in": others})
    names = defaultdict(list)
    for product_id, tag in links.order_by("product_id", "tag__name").values_list("product_id", "tag__name"):
        names[product_id].append(tag)
    for product_id, tags in names.items():
        yield product_id, tuple(tags)

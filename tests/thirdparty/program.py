"""Run in a process of its own, with the settings of one package: makes its tables, prints what was published.

``python -m tests.thirdparty.program wagtail|oscar DATABASE_URL`` prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.management import call_command

APPS = {
    "wagtail": [
        "wagtail.users",
        "wagtail.admin",
        "wagtail.documents",
        "wagtail.images",
        "wagtail.search",
        "wagtail",
        "modelcluster",
        "taggit",
    ],
    "oscar": [
        "django.contrib.sites",
        "django.contrib.flatpages",
        "oscar.apps.analytics.apps.AnalyticsConfig",
        "oscar.apps.checkout.apps.CheckoutConfig",
        "oscar.apps.address.apps.AddressConfig",
        "oscar.apps.shipping.apps.ShippingConfig",
        "oscar.apps.catalogue.apps.CatalogueConfig",
        "oscar.apps.catalogue.reviews.apps.CatalogueReviewsConfig",
        "oscar.apps.communication.apps.CommunicationConfig",
        "oscar.apps.partner.apps.PartnerConfig",
        "oscar.apps.basket.apps.BasketConfig",
        "oscar.apps.payment.apps.PaymentConfig",
        "oscar.apps.offer.apps.OfferConfig",
        "oscar.apps.order.apps.OrderConfig",
        "oscar.apps.customer.apps.CustomerConfig",
        "oscar.apps.search.apps.SearchConfig",
        "oscar.apps.voucher.apps.VoucherConfig",
        "oscar.apps.wishlists.apps.WishlistsConfig",
        "widget_tweaks",
        "haystack",
        "treebeard",
        "django_tables2",
    ],
}


def defaults(package: str) -> dict[str, Any]:
    """The settings that a package wants to have."""
    if package != "oscar":
        return {"WAGTAIL_SITE_NAME": "test", "WAGTAILADMIN_BASE_URL": "http://localhost"}
    from oscar import defaults

    return {name: value for name, value in vars(defaults).items() if name.isupper()} | {
        "SITE_ID": 1,
        "HAYSTACK_CONNECTIONS": {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}},
        "OSCAR_INITIAL_ORDER_STATUS": "new",
        "OSCAR_ORDER_STATUS_PIPELINE": {"new": ("paid",), "paid": ("shipped",), "shipped": ()},
    }


def configure(package: str, url: str) -> None:
    address = urlsplit(url)
    settings.configure(
        SECRET_KEY="test",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "outbox",
            *APPS[package],
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": address.path.lstrip("/"),
                "USER": address.username,
                "PASSWORD": address.password or "",
                "HOST": address.hostname,
                "PORT": address.port,
            }
        },
        OUTBOX={"SOURCE": "/test", "OUTSIDE_TRANSACTION": "warn"},
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        ROOT_URLCONF="tests.thirdparty.program",
        STATIC_URL="/static/",
        **defaults(package),
    )
    django.setup()
    call_command("migrate", verbosity=0)


urlpatterns: list[Any] = []


def wagtail() -> dict[str, Any]:
    """A draft is saved, then published: what a receiver of the page's save publishes."""
    from django.db.models.signals import post_save
    from wagtail.models import Page
    from wagtail.signals import page_published

    import outbox
    from outbox.testing import CapturedEvents

    class Published(outbox.Event, type="page.published", topic="pages", key="page_id"):
        page_id: int
        title: str

    class Signalled(outbox.Event, type="page.signalled", topic="pages", key="page_id"):
        page_id: int

    @outbox.receiver(post_save, sender=Page, previous=True)
    def saved(instance: Any, previous: Any, **kwargs: Any) -> Published | None:
        if instance.live and (previous is None or instance.last_published_at != previous.last_published_at):
            return Published(instance.pk, instance.title)
        return None

    @outbox.receiver(page_published)
    def signalled(instance: Any, **kwargs: Any) -> Signalled:
        return Signalled(instance.pk)

    @outbox.receiver(post_save, sender=Page)
    def title(instance: Any, **kwargs: Any) -> None:
        titles.append(instance.title)

    titles: list[str] = []
    events = CapturedEvents()
    root = Page.objects.filter(depth=1).first() or Page.add_root(title="root")
    page = root.add_child(instance=Page(title="Published title", live=False))
    page.save_revision().publish()
    page = Page.objects.get(pk=page.pk)
    titles.clear()
    page.title = "SECRET DRAFT"
    page.save_revision()
    drafted = list(titles)
    page.get_latest_revision().publish()
    return {
        "drafted": drafted,
        "published": [event.data["title"] for event in events if event.type == "page.published"],
        "signalled": events.types.count("page.signalled"),
    }


def oscar() -> dict[str, Any]:
    """An order's status changes, without and with the recipe, and with a crash before the event."""
    from django.db import transaction
    from oscar.apps.order.models import Order
    from oscar.apps.order.signals import order_status_changed

    import outbox
    from outbox.testing import CapturedEvents

    class StatusChanged(outbox.Event, type="order.status", topic="orders", key="number"):
        number: str
        status: str

    crash: list[bool] = []
    events = CapturedEvents()

    @outbox.receiver(order_status_changed)
    def changed(order: Any, new_status: str, **kwargs: Any) -> StatusChanged:
        if crash:
            raise RuntimeError
        return StatusChanged(str(order.number), new_status)

    def attempt(status: str) -> str:
        order = Order.objects.get()
        with suppress(RuntimeError):
            order.set_status(status)
        return str(Order.objects.get().status)

    Order.objects.create(number=100001, status="new", total_incl_tax=1, total_excl_tax=1)
    attempt("paid")
    crash.append(True)
    unsafe = attempt("shipped")
    Order.objects.update(status="paid")
    Order.set_status = transaction.atomic(Order.set_status)
    safe = attempt("shipped")
    crash.clear()
    attempt("shipped")
    return {"unsafe": unsafe, "safe": safe, "published": [event.data["status"] for event in events]}


if __name__ == "__main__":
    configure(*sys.argv[1:])
    sys.stdout.write(json.dumps(globals()[sys.argv[1]]()))

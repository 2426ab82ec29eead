"""The settings of analytics."""

from __future__ import annotations

from consumers.settings import *  # noqa: F403
from consumers.settings import ADMIN_APPS, database, inbox

INSTALLED_APPS = [*ADMIN_APPS, "inbox", "consumers.analytics"]
DATABASES = {"default": database("analytics")}
INBOX = inbox("analytics", topics=["shop.customers", "shop.orders", "shop.products", "shop.deployments"])

"""The settings of the CRM."""

from __future__ import annotations

from consumers.settings import *  # noqa: F403
from consumers.settings import ADMIN_APPS, database, inbox

INSTALLED_APPS = [*ADMIN_APPS, "inbox", "consumers.crm"]
DATABASES = {"default": database("crm")}
INBOX = inbox("crm", topics=["shop.customers", "shop.orders"])

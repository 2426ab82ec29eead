"""The inbox and all three consumers within the test process, in its database."""

from __future__ import annotations

from consumers.analytics.settings import INBOX as ANALYTICS
from consumers.crm.settings import INBOX as CRM
from consumers.notifications.settings import INBOX as NOTIFICATIONS

INBOX_APPS = ["inbox", "consumers.crm", "consumers.analytics", "consumers.notifications"]
INBOX = {
    **CRM,
    "CONSUMERS": {**CRM["CONSUMERS"], **ANALYTICS["CONSUMERS"], **NOTIFICATIONS["CONSUMERS"]},
}

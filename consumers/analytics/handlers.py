"""One handler for every type: analytics counts all events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import inbox
from consumers.analytics.figures import Figures


@dataclass(frozen=True, slots=True)
class Business:
    """The fields that any event may have: the date that counts, and money."""

    placed_at: datetime | None = None
    cancelled_at: datetime | None = None
    registered_at: datetime | None = None
    total: Decimal | None = None


@inbox.handler("*")
def log_event(business: Business | None, event: inbox.Event) -> None:
    told = business or Business()
    happened = told.placed_at or told.cancelled_at or told.registered_at or event.time
    Figures.current().add(event, happened.astimezone(UTC).date(), told.total)

"""What a continuous audit has proved, as its row says. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from outbox.status.report import AuditReport


def audit_report(stored: Mapping[str, Any] | str | None) -> AuditReport | None:
    """The row of the table; None if nobody has compared yet."""
    if stored is None:
        return None
    row = json.loads(stored) if isinstance(stored, str) else stored  # as Django's connections return it
    return msgspec.convert(row, AuditReport)

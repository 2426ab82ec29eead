"""The consumer groups of our topics, as a relay last heard of them from Kafka. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from outbox.status.report import GroupReport, GroupsReport


def groups_report(heard: Mapping[str, Any] | str | None) -> GroupsReport | None:
    """The row of the table; None if no relay has asked yet."""
    if heard is None:
        return None
    row = json.loads(heard) if isinstance(heard, str) else heard  # as Django's connections return it
    groups = tuple(GroupReport(**each) for each in row["groups"])
    return GroupsReport(age=row["age"], relay=row["relay"], trouble=row["trouble"], groups=groups)

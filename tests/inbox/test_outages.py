"""What a consumer waits for, and what its log says about that."""

from __future__ import annotations

import logging

import pytest

from inbox.status.outages import Outages
from outbox_core.process.reasons import LASTING_SECONDS, MOST_REASONS, Reasons


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_another_reason_of_an_outage_is_told_once_if_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    """A server that was restarted may now refuse the password."""
    clock = Clock()
    outages = Outages("crm", clock)
    refused, password = ConnectionError("connection to port 5433 refused"), ConnectionError("wrong password")
    with caplog.at_level(logging.INFO, "inbox"):
        outages.begin("PostgreSQL", refused)
        outages.begin("PostgreSQL", password)
        outages.begin("PostgreSQL", ConnectionError("connection to port 5434 refused"))
        for _ in range(3):
            clock.now += LASTING_SECONDS
            outages.begin("PostgreSQL", password)
        outages.end("PostgreSQL")
        outages.begin("PostgreSQL", password)
    actions = [record.action for record in caplog.records]  # type: ignore[attr-defined]
    assert actions == ["inbox.degraded", "inbox.reason_changed", "inbox.recovered", "inbox.degraded"]
    assert "after 20 s PostgreSQL is not available for another reason" in caplog.text
    assert "wrong password" in caplog.records[1].getMessage()


def test_an_outage_with_ever_new_reasons_does_not_fill_the_log() -> None:
    reasons = Reasons("first")
    found = 0
    for number in range(20):
        why = "another " * number
        reasons.is_news(why, 0.0)
        found += reasons.is_news(why, LASTING_SECONDS)
    assert found == MOST_REASONS - 1

"""Topics that are not there are told of once, and once more when they are, with how long that took."""

from __future__ import annotations

import logging

import pytest

from inbox.kafka.topics import MissingTopics
from inbox.testing import SkippedTime


def test_log_says_what_is_missing_and_for_how_long(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inbox")
    time = SkippedTime()
    topics = MissingTopics("crm", time)
    topics.note(frozenset({"b", "a"}))
    topics.note(frozenset({"b", "a"}))
    time.now = 5.0
    assert topics.note(frozenset({"b"}))
    time.now = 12.34
    assert topics.note(frozenset())
    waits = "crm waits for topics that do not exist, or that it may not read: a, b; "
    assert caplog.messages == [
        f"{waits}the others go on, and nothing is lost. Create them, or let it read them",
        "crm goes on: it reads a, which it has missed for 5.0 s",
        "crm goes on: it reads b, which it has missed for 12.3 s",
    ]

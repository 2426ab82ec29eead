"""Missing topics are logged once, and once more when they are there, with how long that took."""

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
    lines = [(r.action, r.topics, getattr(r, "seconds", None)) for r in caplog.records]  # type: ignore[attr-defined]
    assert lines == [
        ("inbox.topics_missing", ["a", "b"], None),
        ("inbox.topics_found", ["a"], 5.0),
        ("inbox.topics_found", ["b"], pytest.approx(12.34)),
    ]

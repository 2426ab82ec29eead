"""relay.testing.drain: what a test emitted, as records, within the test's own transaction."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from relay.publishers.memory import MemoryPublisher
from relay.testing import drain


@pytest.mark.django_db
def test_a_plain_test_sees_what_would_be_published() -> None:
    User.objects.create(username="ada", email="ada@example.com")
    (record,) = [r for r in drain() if ("ce_type", b"shop.customer.registered") in r.headers]
    assert b"ada@example.com" in (record.value or b"")


@pytest.mark.django_db
def test_a_record_that_would_be_refused_fails_the_test() -> None:
    User.objects.create(username="ada", email="ada@example.com")
    with pytest.raises(AssertionError, match="refused"):
        drain(MemoryPublisher(max_record_bytes=10))

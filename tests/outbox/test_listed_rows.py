"""Rows that a deletion changes by a list of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.db.models.deletion import Collector
from django.db.models.signals import post_save
from django.db.models.sql import UpdateQuery
from django.test.utils import CaptureQueriesContext

from outbox.capture import batches
from outbox.testing import CapturedEvents
from tests.outbox.hearing import keys, note
from tests.testapp.kinds import Owner, Plain

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Owner:
    """The owner of 250 rows."""
    owner = Owner.objects.create()
    plain: QuerySet[Plain] = QuerySet(Plain)
    plain.bulk_create([Plain(owner=owner) for _ in range(250)])
    return owner


def delete(owner: Owner) -> list[str]:
    """The statements that change its rows."""
    collector = Collector(using="default")
    collector.add([owner])
    rows: Any = list(Plain.objects.filter(owner=owner).order_by("pk"))
    collector.add_field_update(Plain._meta.get_field("owner"), None, rows)
    with CaptureQueriesContext(connection) as queries:
        collector.delete()
    return [query["sql"] for query in queries if query["sql"].startswith('UPDATE "testapp_plain"')]


def test_without_a_receiver_the_statements_are_djangos(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = list(Plain.objects.order_by("pk").values_list("pk", flat=True))
    changed = delete(owner)
    Owner.objects.bulk_create([owner])
    QuerySet(Plain).filter(pk__in=rows).update(owner=owner)
    monkeypatch.setattr(UpdateQuery, "update_batch", batches._UPDATE_BATCH)
    assert changed == delete(owner)
    assert len(changed) == 3


def test_no_statement_has_more_keys_than_one_of_djangos(owner: Owner, outbox_events: CapturedEvents) -> None:
    """A database takes a limited number of parameters: PostgreSQL 65,535, where it binds them itself."""
    note(post_save, Plain)
    assert max(statement.count(",") for statement in delete(owner)) == 99
    assert keys(outbox_events) == ["Plain"] * 250

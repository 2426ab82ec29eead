"""Timestamps of a row that was just written are those that Django reads, however PostgreSQL writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.db import DataError, connection
from django.db.backends.postgresql.psycopg_any import BaseTzLoader

from outbox.capture.timestamps import load_fast
from tests.outbox.seen import Seen, seen
from tests.testapp.models import Price

__all__ = ["seen"]
pytestmark = pytest.mark.django_db


def loaded(text: str, *, fast: bool) -> Any:
    with connection.cursor() as cursor:
        if fast:
            load_fast(cursor)
        cursor.execute("SELECT %s::timestamptz", [text])
        try:
            return cursor.fetchone()[0]
        except DataError as error:
            return str(error)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"])
@pytest.mark.parametrize("style", ["ISO, DMY", "SQL, DMY", "German"])
@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02 03:04:05.123456+00",
        "2026-01-02 03:04:05.1+00",
        "2026-07-02 03:04:05+00",
        "1890-01-01 00:00:00+00",
        "0001-01-02 00:00:00+00",
        "9999-12-30 23:59:59.999999+00",
        "12026-01-01 00:00:00+00",
        "0044-03-15 00:00:00+00 BC",
        "infinity",
        "-infinity",
    ],
)
def test_are_those_of_djangos_loader(text: str, style: str, zone: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('DateStyle', %s, true)", [style])
        cursor.execute("SELECT set_config('TimeZone', %s, true)", [zone])
    try:
        expected = loaded(text, fast=False)
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            loaded(text, fast=True)
        return
    value = loaded(text, fast=True)
    assert repr(value) == repr(expected)
    assert getattr(value, "tzinfo", None) is getattr(expected, "tzinfo", None)


def test_of_a_save_are_read_without_djangos_loader(seen: Seen) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
    with patch.object(BaseTzLoader, "load", side_effect=AssertionError):
        price = Price.objects.create(amount=Decimal("1.00"), valid_from=moment)
    assert seen.last is price


def test_a_loader_of_a_project_stays() -> None:
    class Text(BaseTzLoader):  # type: ignore[misc]
        timezone = UTC

        def load(self, data: Any) -> Any:
            return "text"

    with connection.cursor() as cursor:
        cursor.adapters.register_loader("timestamptz", Text)
        load_fast(cursor)
        cursor.execute("SELECT now()")
        assert cursor.fetchone() == ("text",)

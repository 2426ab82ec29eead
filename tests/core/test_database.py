"""Connections that Django does not share."""

from __future__ import annotations

import errno
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from outbox_core.database import connect, own, own_connection

REASON = "Too many open files"


@pytest.fixture
def no_more_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """psycopg lets the system's error through while it connects."""

    def refused(*args: object, **options: Any) -> None:
        raise OSError(errno.EMFILE, REASON)

    monkeypatch.setattr(psycopg, "connect", refused)


@pytest.mark.usefixtures("no_more_files")
def test_what_the_system_refuses_while_connecting_is_an_error_of_the_database() -> None:
    with pytest.raises(psycopg.OperationalError, match=REASON) as raised:
        connect(own("default"))
    assert isinstance(raised.value.__cause__, OSError)


@pytest.mark.usefixtures("db", "no_more_files")
def test_it_is_one_for_django_too() -> None:
    with own_connection("default"), pytest.raises(OperationalError, match=REASON):
        connection.ensure_connection()

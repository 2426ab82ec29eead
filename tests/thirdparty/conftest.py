"""A database for each program."""

from __future__ import annotations

from collections.abc import Iterator
from secrets import token_hex

import psycopg
import pytest
from django.db import connection
from psycopg.sql import SQL, Identifier


@pytest.fixture
def database(postgres: object) -> Iterator[str]:
    """The URL of a new database."""
    given = connection.settings_dict
    server = f"postgresql://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}"
    name = f"thirdparty_{token_hex(4)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield f"{server}/{name}"
        admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

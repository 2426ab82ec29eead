"""The page about logical replication names every table whose rows must come along, and sets its sequence."""

from __future__ import annotations

import re

from django.apps import apps
from django.db.models import BigAutoField

from tests.docs.examples import ROOT

PAGE = (ROOT / "docs" / "how-to" / "logical-switch.md").read_text("utf-8")
OF_THE_SERVER = {"outbox_statistics"}
"""What a relay writes again on the new server."""


def numbered() -> set[str]:
    """The tables whose rows PostgreSQL numbers."""
    models = apps.get_app_config("outbox").get_models()
    return {each._meta.db_table for each in models if isinstance(each._meta.pk, BigAutoField)}


def named(pattern: str) -> set[str]:
    [found] = re.findall(pattern, PAGE)
    return {name.strip() for name in found.split(",")}


def test_the_tables_that_are_numbered_are_copied_and_keep_their_numbers() -> None:
    copied = numbered() - OF_THE_SERVER
    assert "outbox_operation" in copied
    published = named(r"FOR TABLE ([\w, ]+);")
    assert copied <= published <= named(r"TRUNCATE ([\w, ]+);")
    assert set(re.findall(r"setval\('(\w+)_id_seq'", PAGE)) == copied

"""What a save writes goes to the table that Django would write, whatever that is."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.outbox.seen import Seen
from tests.testapp.models import Contact, Listing

pytestmark = pytest.mark.django_db

VIEW = """
CREATE TABLE listed (id int PRIMARY KEY, name text);
CREATE VIEW testapp_listing AS SELECT id, lower(name) AS name FROM listed;
CREATE RULE added AS ON INSERT TO testapp_listing DO INSTEAD INSERT INTO listed VALUES (NEW.id, NEW.name);
CREATE RULE changed AS ON UPDATE TO testapp_listing DO INSTEAD
    UPDATE listed SET name = NEW.name WHERE id = OLD.id
"""


def test_a_view_with_rules_can_be_saved_and_is_read_again() -> None:
    seen = Seen(Listing)
    with connection.cursor() as cursor:
        cursor.execute(VIEW)
    listing = Listing.objects.create(id=1, name="A")
    listing.name = "B"
    listing.save()
    assert [each.name for each in seen.instances] == ["a", "b"]


def test_a_model_that_was_given_another_table_is_inserted_there(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(Contact)
    Contact.objects.create(nickname="here")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE moved (LIKE testapp_contact INCLUDING ALL)")
        monkeypatch.setattr(Contact._meta, "db_table", "moved")
        Contact.objects.create(nickname="there")
        cursor.execute("SELECT nickname FROM moved")
        assert cursor.fetchall() == [("there",)]
    assert seen.last.nickname == "there"

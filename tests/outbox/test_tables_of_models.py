"""What a save writes goes to the table that Django would write, whatever that is."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, models
from django.db.models import Manager, QuerySet, Value
from django.db.models.functions import Lower
from django.db.models.signals import post_save
from django.test.utils import isolate_apps

import outbox
from outbox.testing import CapturedEvents
from tests.outbox.seen import Seen
from tests.testapp.events import ParcelSaved
from tests.testapp.models import Contact, Listing, Parcel

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


@isolate_apps("tests.testapp")
def test_rows_of_another_schema_are_updated_in_bulk() -> None:
    """PostgreSQL locks no table by a name that has a schema in front of it."""

    class Moved(models.Model):
        code = models.CharField(max_length=9)
        parcel = models.ForeignKey(Parcel, models.CASCADE, db_index=False, db_constraint=False)

        objects: Any = outbox.CapturedManager()

        class Meta:
            app_label = "testapp"
            db_table = 'elsewhere"."moved'

        def __str__(self) -> str:
            return self.code

    with connection.schema_editor() as editor:
        editor.execute("CREATE SCHEMA elsewhere")
        editor.create_model(Moved)
    seen = Seen(Moved)
    Moved.objects.create(code="a", parcel=Parcel.objects.create(code="p"))
    Moved.objects.update(code="b")
    Moved.objects.filter(parcel__code="p").update(code="c")
    moved = Moved.objects.get()
    moved.code = "d"
    Moved.objects.bulk_update([moved], ["code"])
    assert [each.code for each in seen.instances] == ["a", "b", "c", "d"]
    moved.delete()


def test_a_base_manager_that_replaces_what_a_save_calls_is_asked(
    monkeypatch: pytest.MonkeyPatch, outbox_events: CapturedEvents
) -> None:
    """As one that fills a cache, or writes to a second store."""
    called: list[str] = []

    class Noting(QuerySet[Parcel]):
        def _insert(self, *arguments: Any, **options: Any) -> Any:
            called.append("insert")
            return super()._insert(*arguments, **options)  # type: ignore[misc]

        def _update(self, *arguments: Any) -> Any:  # Django 6.0 and later ask for columns, too
            called.append("update")
            return super()._update(*arguments)  # type: ignore[misc]

    manager = Manager.from_queryset(Noting)()
    manager.model = Parcel
    monkeypatch.setitem(Parcel._meta.__dict__, "base_manager", manager)

    @outbox.receiver(post_save, sender=Parcel)
    def saved(instance: Parcel, **kwargs: Any) -> ParcelSaved:
        return ParcelSaved(parcel_id=instance.pk, code=instance.code)

    parcel = Parcel.objects.create(code="a")
    parcel.code = Lower(Value("B"))
    parcel.save()
    assert called == ["insert", "update"]
    assert [event.data["code"] for event in outbox_events] == ["a", "b"]

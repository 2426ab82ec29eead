"""Migrations: signals that come before the tables do, and the rows that come with them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.db.migrations.state import ProjectState
from django.db.models import Model
from django.db.models.signals import post_migrate, post_save, pre_migrate

import outbox
from outbox.log.seed import seed
from outbox.models import OutboxEvent, Shard
from outbox.testing import CapturedEvents
from tests.testapp.events import Note
from tests.testapp.models import Tag


@pytest.fixture
def announced() -> None:
    @outbox.receiver([pre_migrate, post_migrate], sender=apps.get_app_config("testapp"))
    def migrated(signal: object, **kwargs: Any) -> Note:
        return Note("before" if signal is pre_migrate else "after")


@pytest.fixture
def empty_database(transactional_db: None) -> Iterator[None]:
    """The default database is a new one, without a single table."""
    settings, name = connection.settings_dict, connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}_empty"')
    connection.close()
    settings["NAME"] = f"{name}_empty"
    yield
    connection.close()
    settings["NAME"] = name
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}_empty"')


@pytest.mark.usefixtures("announced", "empty_database")
def test_first_migration_announces_its_end_and_says_that_it_cannot_announce_its_beginning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """pre_migrate comes before any table. Whoever listens is told, and nothing fails."""
    with caplog.at_level(logging.WARNING, "outbox"):
        call_command("migrate", verbosity=0)
    events = OutboxEvent.objects.filter(type="test.note")
    assert [event.key for event in events] == ["after"]
    warnings = [each for each in caplog.records if getattr(each, "action", "") == "outbox.tables_missing"]
    (warning,) = [each for each in warnings if "migrated" in str(each.__dict__["receiver"])]
    assert (warning.__dict__["database"], warning.__dict__["signal"]) == ("default", "pre_migrate")
    assert Shard.objects.values_list("id", "first_bucket", "last_bucket").get() == (0, 0, 255)


@pytest.fixture
def saved() -> list[object]:
    """The models of which a receiver of all models was called."""
    senders: list[object] = []

    @outbox.receiver(post_save)
    def of_all(sender: type[Model], **kwargs: Any) -> Note:
        senders.append(sender)
        return Note(sender.__name__)

    return senders


@pytest.mark.usefixtures("empty_database")
def test_first_migration_is_not_stopped_by_a_receiver_of_all_models(saved: list[object]) -> None:
    """Django saves a row for each migration that is done, before there is an outbox."""
    call_command("migrate", verbosity=0)
    assert not OutboxEvent.objects.filter(type="test.note").exists()


@pytest.mark.django_db
def test_historical_models_have_no_receivers_not_even_of_all_models(saved: list[object]) -> None:
    historical: Any = ProjectState.from_apps(apps).apps.get_model("testapp", "Tag")
    historical.objects.create(name="of a migration")
    Tag.objects.create(name="of the application")
    assert saved == [Tag]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("announced")
def test_later_migrations_announce_both(outbox_events: CapturedEvents) -> None:
    call_command("migrate", verbosity=0)
    assert [event.key for event in outbox_events if event.type == "test.note"] == ["before", "after"]


@pytest.mark.django_db
class TestSeed:
    def test_comes_with_the_migrations(self) -> None:
        assert Shard.objects.values_list("id", "first_bucket", "last_bucket").get() == (0, 0, 255)

    def test_comes_again_where_it_is_missing(self) -> None:
        Shard.objects.all().delete()
        emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
        assert Shard.objects.count() == 1

    def test_leaves_shards_alone_that_were_split(self) -> None:
        Shard.objects.all().delete()
        Shard.objects.create(id=1, first_bucket=0, last_bucket=127)
        Shard.objects.create(id=2, first_bucket=128, last_bucket=255)
        seed("default")
        assert Shard.objects.count() == 2

    def test_is_not_tried_where_the_tables_are_gone(self) -> None:
        connection.cursor().execute("ALTER TABLE outbox_event RENAME TO away")
        connection.cursor().execute("ALTER TABLE outbox_shard RENAME TO away_too")
        emit_post_migrate_signal(verbosity=0, interactive=False, db="default")

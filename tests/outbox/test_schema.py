"""``OUTBOX["SCHEMA"]`` and the ORM."""

from __future__ import annotations

from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.test import override_settings

from outbox.models import Checkpoint, OutboxEvent

IN_APP = override_settings(OUTBOX={"SOURCE": "/test", "SCHEMA": "app"})


def test_queries_name_the_schema_and_no_other_once_it_is_gone() -> None:
    with IN_APP:
        query = str(OutboxEvent.objects.filter(topic="t").query)
        assert 'FROM "app"."outbox_event" WHERE "app"."outbox_event"."topic"' in query
        assert '"app"."outbox_shard"' in str(Checkpoint.objects.select_related("shard").query)
    assert '"app"' not in str(OutboxEvent.objects.filter(topic="t").query)


def test_a_schema_is_no_change_that_migrations_would_have_to_make() -> None:
    with IN_APP:
        loader = MigrationLoader(None)
        detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
        assert "outbox" not in detector.changes(graph=loader.graph)

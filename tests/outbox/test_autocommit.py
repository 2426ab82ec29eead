"""Outside a transaction, post_save is sent when the row is committed: the trap that the wrapper closes."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.db.models.signals import post_save, pre_save

import outbox
from outbox.testing import CapturedEvents
from tests.testapp.events import ParcelSaved
from tests.testapp.models import Parcel, Stamp

pytestmark = pytest.mark.django_db(transaction=True)


class Crash(BaseException):
    """Nothing catches it, as nothing catches a power failure."""


@pytest.fixture
def crash_before_the_event() -> None:
    """Another receiver of the same save, called first, in which the process dies."""

    @outbox.receiver(post_save, sender=Parcel)
    def crash(**kwargs: Any) -> None:
        raise Crash


@pytest.fixture
def announced() -> None:
    @outbox.receiver(post_save, sender=Parcel)
    def saved(instance: Parcel, created: bool, **kwargs: Any) -> ParcelSaved:
        return ParcelSaved(parcel_id=instance.pk, code=instance.code, created=created)


@pytest.mark.usefixtures("crash_before_the_event", "announced")
class TestCrashBetweenRowAndEvent:
    def test_leaves_neither(self, outbox_events: CapturedEvents) -> None:
        with pytest.raises(Crash):
            Parcel.objects.create(code="a")
        assert not Parcel.objects.exists()
        assert not outbox_events

    def test_loses_the_event_without_the_wrapper(
        self, outbox_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Parcel, "save_base", models.Model.save_base)
        with pytest.raises(Crash):
            Parcel.objects.create(code="a")
        assert Parcel.objects.exists()
        assert not outbox_events


PROGRAM = """
import os, sys, django
django.setup()
from django.db import connections
connections.databases["default"]["NAME"] = sys.argv[1]
from django.db.models.signals import post_save
import outbox
from tests.testapp.events import ParcelSaved
from tests.testapp.models import Parcel

@outbox.receiver(post_save, sender=Parcel)
def die(instance, **kwargs):
    if instance.code == "killed":
        os.kill(os.getpid(), 9)

@outbox.receiver(post_save, sender=Parcel)
def saved(instance, **kwargs):
    return ParcelSaved(parcel_id=instance.pk, code=instance.code)

Parcel.objects.create(code="alive")
Parcel.objects.create(code="killed")
"""


def test_a_process_killed_in_the_midst_of_a_save_leaves_no_row_without_its_event(
    outbox_events: CapturedEvents,
) -> None:
    program = subprocess.run(
        [sys.executable, "-c", PROGRAM, connection.settings_dict["NAME"]],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE},
        check=False,
    )
    assert program.returncode == -9
    assert [parcel.code for parcel in Parcel.objects.all()] == ["alive"]
    assert [event.data["code"] for event in outbox_events] == ["alive"]


@pytest.mark.usefixtures("announced")
class TestSave:
    def test_commits_row_and_event_together(self, outbox_events: CapturedEvents) -> None:
        parcel = Parcel(code="a")
        parcel.save()
        parcel.save()
        Parcel.objects.get_or_create(code="b")
        assert [(event.key, event.data["created"]) for event in outbox_events] == [
            (str(parcel.pk), True),
            (str(parcel.pk), False),
            (str(parcel.pk + 1), True),
        ]

    def test_inside_a_transaction_adds_the_insert_and_nothing_else(
        self, django_assert_num_queries: Any
    ) -> None:
        with transaction.atomic(), django_assert_num_queries(2):
            Parcel.objects.create(code="a")

    def test_that_fails_leaves_no_event(self, outbox_events: CapturedEvents) -> None:
        Parcel.objects.create(code="a")
        with pytest.raises(IntegrityError):
            Parcel.objects.create(code="a")
        assert len(outbox_events) == 1

    def test_an_event_that_is_refused_takes_the_row_with_it(self, settings: Any) -> None:
        settings.OUTBOX = {**settings.OUTBOX, "MAX_EVENT_BYTES": 1}
        with pytest.raises(outbox.EventTooLarge):
            Parcel.objects.create(code="a")
        assert not Parcel.objects.exists()

    def test_of_an_async_caller_is_captured(self, outbox_events: CapturedEvents) -> None:
        async def save() -> None:
            parcel = await Parcel.objects.acreate(code="a")
            await parcel.asave()

        async_to_sync(save)()
        assert [event.data["created"] for event in outbox_events] == [True, False]


def test_a_validation_error_caught_inside_the_callers_transaction_does_not_doom_it() -> None:
    """An atomic block around every save would mark the caller's transaction for rollback here."""

    @outbox.receiver(pre_save, sender=Parcel)
    def refuse(instance: Parcel, **kwargs: Any) -> None:
        if instance.code == "bad":
            raise ValidationError("bad code")

    with transaction.atomic():
        Parcel.objects.create(code="good")
        with pytest.raises(ValidationError):
            Parcel.objects.create(code="bad")
        assert not connection.needs_rollback
    assert [parcel.code for parcel in Parcel.objects.all()] == ["good"]


@pytest.mark.usefixtures("announced")
class TestSwallowedError:
    """In a receiver of the same save, which then belongs to a transaction that can only roll back."""

    def test_of_the_orm_makes_save_raise(self, outbox_events: CapturedEvents) -> None:
        @outbox.receiver(post_save, sender=Parcel)
        def swallow(**kwargs: Any) -> None:
            with suppress(IntegrityError):
                Stamp(id=7).save(force_insert=True)

        Stamp.objects.create(id=7)

        with pytest.raises(outbox.SaveLost, match=r"testapp\.Parcel .* wrote nothing to database 'default'"):
            Parcel.objects.create(code="a")
        assert not Parcel.objects.exists()
        assert not outbox_events

    def test_of_a_bare_cursor_makes_save_raise(self) -> None:
        """Django does not notice this one, and PostgreSQL answers COMMIT with ROLLBACK, which is no error."""

        @outbox.receiver(post_save, sender=Parcel)
        def swallow(**kwargs: Any) -> None:
            with suppress(DatabaseError), connection.cursor() as cursor:
                cursor.execute("SELECT 1/0")

        with pytest.raises(outbox.SaveLost):
            Parcel.objects.create(code="a")
        assert not Parcel.objects.exists()

    def test_in_a_savepoint_of_its_own_harms_nobody(self, outbox_events: CapturedEvents) -> None:
        @outbox.receiver(post_save, sender=Parcel)
        def swallow(**kwargs: Any) -> None:
            with suppress(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT 1/0")

        Parcel.objects.create(code="a")
        assert len(outbox_events) == 1

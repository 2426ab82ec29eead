"""``manage.py check`` says what would go wrong later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.core import checks
from django.core.checks import CheckMessage
from django.db import OperationalError, connection, connections
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import Signal

import outbox
from tests.checking import run_checks
from tests.testapp import events
from tests.testapp.events import Note, ParcelSaved
from tests.testapp.models import Document, Invoice, Parcel, Stamp, TrackedParcel

if TYPE_CHECKING:
    from collections.abc import Iterator


def found(id: str, *about: object, databases: list[str] | None = None) -> list[CheckMessage]:
    """The messages of one id, of certain objects only if any are named."""
    messages = run_checks(databases)
    return [message for message in messages if message.id == id and (not about or message.obj in about)]


@pytest.mark.django_db
def test_a_clean_project_has_no_message_about_the_testapp() -> None:
    assert not [message for message in checks.run_checks() if "tests.testapp" in str(message.obj)]


class TestSettings:
    def test_unknown_key(self, settings: Any) -> None:
        settings.OUTBOX = {"SOURCE": "/test", "MAX_EVENT_BYTE": 1}
        (error,) = found("outbox.E001")
        assert error.hint == "Did you mean 'MAX_EVENT_BYTES'?"

    def test_missing_source(self, settings: Any) -> None:
        settings.OUTBOX = {}
        (error,) = found("outbox.E003")
        assert '"SOURCE"' in error.msg

    def test_topic_that_is_too_long_with_its_prefix(self, settings: Any) -> None:
        settings.OUTBOX = {"SOURCE": "/test", "TOPIC_PREFIX": "x" * 240}
        assert found("outbox.E006", Note)


class TestCapture:
    def test_model_whose_bulk_writes_are_not_captured(self) -> None:
        outbox.receiver(post_save, sender=Stamp)(lambda **kwargs: None)
        (warning,) = found("outbox.W001", Stamp)
        assert "testapp.Stamp has an outbox receiver" in warning.msg
        assert warning.hint is not None
        assert "outbox.CapturedManager()" in warning.hint

    def test_every_child_of_an_abstract_sender(self) -> None:
        outbox.receiver(post_save, sender=Document)(lambda **kwargs: None)
        assert found("outbox.W001", Invoice)

    def test_captured_model_and_its_proxies_are_fine(self) -> None:
        outbox.receiver(post_save, sender=Parcel)(lambda **kwargs: None)
        assert not found("outbox.W001", Parcel, TrackedParcel)

    def test_signals_that_bulk_writes_send_anyway_are_fine(self) -> None:
        outbox.receiver(post_delete, sender=Stamp)(lambda **kwargs: None)
        assert not found("outbox.W001", Stamp)

    def test_model_of_somebody_else_is_only_a_hint(self) -> None:
        outbox.receiver(post_save, sender=User)(lambda **kwargs: None)
        (hint,) = found("outbox.I002", User)
        assert hint.level == checks.INFO


class TestKeyHint:
    """Looks at what the annotation of a receiver says it returns."""

    def test_key_that_is_not_the_senders_primary_key(self) -> None:
        @outbox.receiver(post_save, sender=Stamp)
        def stamped(**kwargs: Any) -> ParcelSaved | None:
            return None

        (hint,) = found("outbox.I001", ParcelSaved)
        assert hint.hint is not None
        assert "serialize=True" in hint.hint

    @pytest.mark.parametrize("sender", [Parcel, [Parcel, Stamp], "testapp.Parcel"])
    def test_key_that_is(self, sender: Any) -> None:
        @outbox.receiver(post_save, sender=sender)
        def saved(**kwargs: Any) -> ParcelSaved | None:
            return None

        assert not found("outbox.I001", ParcelSaved)

    def test_key_whose_writers_serialize(self) -> None:
        @outbox.receiver(m2m_changed, sender=Parcel.tags.through)
        def tagged(**kwargs: Any) -> Iterator[events.Turn]:
            yield events.Turn("a")

        assert not found("outbox.I001", events.Turn)

    def test_names_that_only_type_checkers_import_are_no_obstacle(self) -> None:
        @outbox.receiver(m2m_changed, sender=Parcel.tags.through)
        def tagged(**kwargs: Any) -> Iterator[events.ParcelSaved]:
            yield events.ParcelSaved(parcel_id=1, code="a")

        assert found("outbox.I001", ParcelSaved)

    def test_annotations_that_are_no_text(self) -> None:
        @dataclass
        class Counted:
            about: str

        outbox.event("test.counted", topic="t", key="about")(Counted)

        def counted(**kwargs: Any) -> Any:
            return None

        counted.__annotations__["return"] = list[Counted] | None
        outbox.receiver(post_save, sender=Parcel)(counted)
        assert found("outbox.I001", Counted)

    def test_signals_without_a_model(self) -> None:
        @outbox.receiver(Signal())
        def noted(**kwargs: Any) -> Note | None:
            return None

        assert not found("outbox.I001", Note)


@pytest.mark.django_db
class TestDatabase:
    def test_that_is_in_order(self) -> None:
        messages = checks.run_checks(databases=["default"], tags=[checks.Tags.database])
        assert not [message for message in messages if str(message.id).startswith("outbox.")]

    def test_of_another_kind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connections["default"], "vendor", "mysql")
        (error,) = found("outbox.E005")
        assert error.level == checks.ERROR
        assert "needs PostgreSQL 14" in error.msg

    def test_of_another_kind_that_a_router_keeps_the_outbox_out_of(
        self, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        settings.DATABASE_ROUTERS = ["tests.outbox.test_checks.KeepOut"]
        monkeypatch.setattr(connections["default"], "vendor", "mysql")
        assert not found("outbox.E005", databases=["default"])

    def test_without_autocommit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert not found("outbox.W014")
        monkeypatch.setitem(connections["default"].settings_dict, "AUTOCOMMIT", False)
        (warning,) = found("outbox.W014")
        assert warning.level == checks.WARNING

    def test_whose_migrations_are_missing(self) -> None:
        connection.cursor().execute("DELETE FROM django_migrations WHERE app = 'outbox'")
        (warning,) = found("outbox.W002", databases=["default"])
        assert "0001_initial" in warning.msg

    def test_that_is_empty_is_about_to_be_migrated(self) -> None:
        connection.cursor().execute("ALTER TABLE django_migrations RENAME TO away")
        assert not found("outbox.W002", databases=["default"])

    def test_whose_commits_a_crash_may_forget(self) -> None:
        connection.cursor().execute("SET LOCAL synchronous_commit = off")
        assert found("outbox.W003", databases=["default"])

    def test_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse() -> None:
            raise OperationalError("connection refused\n")

        monkeypatch.setattr(connections["default"], "cursor", refuse)
        from outbox.checks.setup import check_databases

        (error,) = check_databases(databases=["default"])
        assert error.id == "outbox.E007"
        assert error.msg == "Database 'default' cannot be reached: connection refused"


class KeepOut:
    """A database router under which no database holds the outbox."""

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool | None:
        return False if app_label == "outbox" else None

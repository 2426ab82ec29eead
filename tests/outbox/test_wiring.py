"""What is declared and would have no effect is said by ``manage.py check``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.db.models.signals import (
    m2m_changed,
    post_delete,
    post_migrate,
    post_save,
    pre_delete,
    pre_migrate,
    pre_save,
)
from django.dispatch import Signal

import outbox
from outbox.checks.senders import check_senders
from outbox.checks.setup import check_capture
from outbox.checks.wiring import check_database_deletes, check_imported_twice, check_uids
from outbox.write.registry import registry
from tests.checking import found, run_checks
from tests.testapp.events import Note
from tests.testapp.models import Document, Invoice, Parcel, Price, Stamp

arrived = Signal()


def nothing(**kwargs: Any) -> None: ...


class TestCustomSignal:
    def test_with_a_model_as_text_is_an_error(self) -> None:
        outbox.receiver(arrived, sender="testapp.Parcel")(nothing)
        (error,) = found("outbox.E008")
        assert error.level == checks.ERROR

    def test_with_other_text_is_fine(self) -> None:
        outbox.receiver(arrived, sender="payments")(nothing)
        assert not found("outbox.E008")

    @pytest.mark.parametrize("sender", [Parcel, Document])
    def test_with_a_model_that_has_children_is_warned_of(self, sender: Any) -> None:
        outbox.receiver(arrived, sender=sender)(nothing)
        (warning,) = found("outbox.W004")
        assert "exactly this class" in warning.msg

    @pytest.mark.parametrize("sender", [Invoice, Stamp, None, int])
    def test_with_a_class_that_sends_it_is_fine(self, sender: Any) -> None:
        outbox.receiver(arrived, sender=sender)(nothing)
        assert not found("outbox.W004")


class TestSenderThatNeverSends:
    """Signals whose senders Django itself decides."""

    @pytest.mark.parametrize(
        ("signal", "sender"),
        [
            (post_save, Parcel.tags.through),
            (pre_delete, Parcel.tags.through),
            (post_migrate, Parcel),
            (pre_migrate, "testapp"),
        ],
    )
    def test_is_an_error(self, signal: Signal, sender: Any) -> None:
        outbox.receiver(signal, sender=sender)(nothing)
        (error,) = check_senders()
        assert error.id == "outbox.E008"
        assert not [info for info in check_capture() if info.obj is sender]

    def test_because_another_model_stands_for_it_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        outbox.receiver(post_save, sender=Parcel)(nothing)
        monkeypatch.setattr(type(Parcel._meta), "swapped", property(lambda self: "auth.User"))
        (error,) = [each for each in check_senders() if each.obj is nothing]
        assert "'auth.User'" in (error.hint or "")

    @pytest.mark.parametrize(("signal", "sender"), [(m2m_changed, Parcel), (m2m_changed, Document)])
    def test_is_warned_of(self, signal: Signal, sender: Any) -> None:
        outbox.receiver(signal, sender=sender)(nothing)
        assert [each.id for each in check_senders()] == ["outbox.W004"]

    def test_because_no_model_is_derived_from_it_is_warned_of(self) -> None:
        class Childless(Model):
            class Meta:
                abstract = True
                app_label = "testapp"

        outbox.receiver([post_save, post_delete], sender=Childless)(nothing)
        assert [each.id for each in check_senders()] == ["outbox.W004"] * 2

    @pytest.mark.parametrize(
        ("signal", "sender"),
        [
            (m2m_changed, Parcel.tags.through),
            (m2m_changed, "testapp.Parcel_tags"),
            (post_save, Document),
            (post_migrate, apps.get_app_config("testapp")),
            (post_migrate, None),
        ],
    )
    def test_where_it_does_send_is_fine(self, signal: Signal, sender: Any) -> None:
        outbox.receiver(signal, sender=sender)(nothing)
        assert not check_senders()


class DatabaseOnDelete:
    """As Django 6.1 has it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return self.name

    def on_delete_sql(self, schema_editor: object) -> str:
        return "ON DELETE"


@pytest.mark.parametrize(
    ("name", "signal", "is_named"),
    [
        ("DB_CASCADE", post_delete, True),
        ("DB_CASCADE", post_save, False),
        ("DB_SET_NULL", post_save, True),
        ("DB_SET_NULL", pre_delete, False),
    ],
)
def test_rows_that_the_database_itself_changes_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, name: str, signal: Signal, is_named: bool
) -> None:
    outbox.receiver(signal, sender=Price)(nothing)
    key: Any = Price._meta.get_field("parcel")
    monkeypatch.setattr(key.remote_field, "on_delete", DatabaseOnDelete(name))
    assert [each.id for each in check_database_deletes()] == ["outbox.W013"] * is_named


class TestTwice:
    def test_a_dispatch_uid_of_two_receivers_is_warned_of(self) -> None:
        def first(**kwargs: Any) -> None: ...
        def second(**kwargs: Any) -> None: ...

        for function in (first, second):
            outbox.receiver(post_save, sender=Parcel, dispatch_uid="one")(function)
        (warning,) = found("outbox.W011")
        assert warning.obj is second

    def test_a_file_that_is_imported_by_two_names_is_warned_of(self) -> None:
        self._import(post_save, None)
        assert [each.id for each in check_imported_twice()] == ["outbox.W012"]

    @pytest.mark.parametrize("uid", ["one", None])
    def test_one_that_is_called_once_is_fine(self, uid: str | None) -> None:
        outbox.receiver(post_save, sender=Price)(nothing)
        outbox.receiver([post_save, pre_delete], sender=[Parcel, Parcel])(nothing)
        self._import(post_save if uid else post_delete, uid)
        assert not [*check_uids(), *check_imported_twice()]

    def _import(self, signal: Signal, uid: str | None) -> None:
        for module, own in (("shop.receivers", signal), ("project.shop.receivers", post_save)):

            @outbox.receiver(own, sender=Parcel, dispatch_uid=uid)
            def placed(**kwargs: Any) -> None: ...

            placed.__module__ = module


@pytest.mark.parametrize("bare", [nothing, Note])
def test_the_decorator_without_parentheses_is_refused(bare: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"@outbox\.receiver\(post_save, sender=Order\)"):
        outbox.receiver(bare)


class TestAnnotation:
    def test_of_a_field_that_cannot_be_read(self) -> None:
        cls: Any = type("Broken", (), {"__annotations__": {"about": "Missing"}, "__module__": __name__})
        outbox.event("test.broken", topic="t", key="about")(dataclass(cls))
        (error,) = found("outbox.E009")
        assert "'Missing'" in error.msg

    def test_of_a_field_without_a_form_in_json(self) -> None:
        cls: Any = type("Broken", (), {"__annotations__": {"about": Parcel}, "__module__": __name__})
        outbox.event("test.broken", topic="t", key="about")(dataclass(cls))
        (error,) = found("outbox.E009")
        assert "Broken.about: Parcel has no form in JSON" in error.msg

    @pytest.mark.parametrize("returned", ["int", "Parcel | None", "Iterator[str]", int, list[int]])
    def test_of_a_receiver_that_returns_no_event(self, returned: Any) -> None:
        def wrong(**kwargs: Any) -> Any: ...

        wrong.__annotations__["return"] = returned
        outbox.receiver(post_save, sender=Parcel)(wrong)
        assert len(found("outbox.W007")) == 1

    @pytest.mark.parametrize("returned", ["Note", "Iterator[Note]", "None", "Any", "object", Note | None])
    def test_of_a_receiver_that_returns_events(self, returned: Any) -> None:
        def right(**kwargs: Any) -> Any: ...

        right.__annotations__["return"] = returned
        outbox.receiver(post_save, sender=Parcel)(right)
        assert not found("outbox.W007")


def test_an_event_without_arguments_says_what_is_missing() -> None:
    with pytest.raises(ImproperlyConfigured, match="lacks its arguments"):
        outbox.event(Parcel)  # type: ignore[call-arg, arg-type]


@pytest.mark.parametrize("options", [{"signal": []}, {"signal": post_save, "sender": []}])
def test_a_receiver_of_nothing_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured, match="would never be called"):
        outbox.receiver(**options)


class TestBeforeTheRowIsWritten:
    def test_a_receiver_is_warned_of_because_it_gets_no_row(self) -> None:
        outbox.receiver([pre_save, post_save], sender=Parcel)(nothing)
        (warning,) = found("outbox.W015")
        assert "as they are assigned" in warning.msg

    def test_a_receiver_that_wants_what_was_assigned_is_fine(self) -> None:
        outbox.receiver(pre_save, sender=Parcel, refresh=False)(nothing)
        outbox.receiver([post_save, pre_delete], sender=Parcel)(nothing)
        assert not found("outbox.W015")

    def test_the_row_cannot_be_had(self) -> None:
        with pytest.raises(ImproperlyConfigured, match="not written yet"):
            outbox.receiver(pre_save, sender=Parcel, refresh=True)(nothing)


class TestBaseManager:
    def test_that_is_not_captured_is_warned_of_for_models_that_relations_lead_to(self) -> None:
        outbox.receiver(post_save, sender=Price)(nothing)
        (warning,) = found("outbox.W009")
        assert "testapp.Parcel.prices" in warning.msg

    def test_of_a_model_without_foreign_keys_is_fine(self) -> None:
        outbox.receiver(post_save, sender=Parcel)(nothing)
        assert not found("outbox.W009")


def test_a_clean_project_has_none_of_these() -> None:
    ours = [message for message in run_checks() if str(message.id).startswith("outbox.")]
    assert [message.id for message in ours if message.level >= checks.WARNING] == []


def test_what_a_test_registers_is_forgotten() -> None:
    assert "test.broken" not in {event_type.name for event_type in registry}

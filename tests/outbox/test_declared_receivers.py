"""What ``@outbox.receiver`` takes, what a receiver may return, and signals that are no model's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.apps import apps
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models import Model
from django.db.models.signals import post_save
from django.dispatch import Signal

import outbox
from outbox.testing import CapturedEvents
from tests.outbox.hearing import keys, note
from tests.testapp.events import Note, ParcelSaved
from tests.testapp.models import (
    Parcel,
    Stamp,
    TrackedParcel,
)
from tests.testapp.receivers import parcels_counted

pytestmark = pytest.mark.django_db


class TestSender:
    def test_may_be_named(self, outbox_events: CapturedEvents) -> None:
        note(post_save, ["testapp.Parcel", "testapp.Stamp"])
        Stamp.objects.create()
        TrackedParcel.objects.create(code="a")
        assert keys(outbox_events) == ["Stamp", "TrackedParcel"]

    def test_name_that_no_model_has_is_an_error_of_the_system_check(self) -> None:
        note(post_save, "testapp.Missing")
        try:
            (found,) = [
                error for error in checks.run_checks(tags=[checks.Tags.models]) if "missing" in error.msg
            ]
        finally:
            apps._pending_operations.pop(("testapp", "missing"))
        assert found.level == checks.ERROR

    @pytest.mark.parametrize("sender", [Parcel.tags, Model])
    def test_that_is_no_model_is_refused(self, sender: Any) -> None:
        with pytest.raises(ImproperlyConfigured, match=r"neither a model nor 'app\.Model'"):
            note(post_save, sender)


class TestDispatchUid:
    def test_connects_once(self, outbox_events: CapturedEvents) -> None:
        note(post_save, Parcel, dispatch_uid="parcels")
        note(post_save, Parcel, dispatch_uid="parcels")
        Parcel.objects.create(code="a")
        Parcel.objects.bulk_create([Parcel(code="b")])
        assert len(outbox_events) == 2

    def test_disconnects(self, outbox_events: CapturedEvents) -> None:
        note(post_save, Parcel, dispatch_uid="parcels")
        assert post_save.disconnect(sender=Parcel, dispatch_uid="parcels")
        Parcel.objects.create(code="a")
        assert not outbox_events


class TestReturnValue:
    @pytest.mark.parametrize(
        ("returned", "expected"),
        [
            (None, []),
            ([], []),
            (Note("a"), ["a"]),
            ((Note("a"), Note("b")), ["a", "b"]),
            ((Note(name) for name in "abc"), ["a", "b", "c"]),
        ],
        ids=["none", "empty", "one", "several", "generator"],
    )
    def test_may_be(self, outbox_events: CapturedEvents, returned: Any, expected: list[str]) -> None:
        signal = Signal()
        outbox.receiver(signal)(lambda **kwargs: returned)
        ((_, event_ids),) = signal.send(sender=None)
        assert keys(outbox_events) == expected
        assert str([event.event_id for event in outbox_events]) == str(event_ids)

    @pytest.mark.parametrize("returned", ["text", {"a": 1}, 7, [None], Parcel(code="a")])
    def test_that_is_no_event_is_refused_with_the_receivers_name(self, returned: object) -> None:
        signal = Signal()

        @outbox.receiver(signal)
        def wrong(**kwargs: Any) -> Any:
            return returned

        with pytest.raises(outbox.UnknownEventType) as caught:
            signal.send(sender=None)
        assert "wrong" in caught.value.__notes__[0]


class TestDecorator:
    def test_leaves_the_function_as_it_is(self) -> None:
        def function(**kwargs: Any) -> None: ...

        assert outbox.receiver(Signal())(function) is function

    @pytest.mark.parametrize("signal", ["post_save", [post_save, None], None])
    def test_refuses_what_is_no_signal(self, signal: Any) -> None:
        with pytest.raises(ImproperlyConfigured, match="is no signal"):
            outbox.receiver(signal)(lambda **kwargs: None)

    def test_refuses_a_function_without_kwargs(self) -> None:
        with pytest.raises(ImproperlyConfigured, match=r"\*\*kwargs"):
            outbox.receiver(post_save, sender=Parcel)(lambda instance: None)

    def test_refuses_a_coroutine(self) -> None:
        async def wait(**kwargs: Any) -> None: ...

        with pytest.raises(ImproperlyConfigured, match="is async"):
            outbox.receiver(post_save, sender=Parcel)(wait)  # type: ignore[type-var]


class TestOtherSignals:
    def test_of_an_app_found_by_autodiscovery(self, outbox_events: CapturedEvents) -> None:
        parcels_counted.send(sender=None, count=3)
        assert [event.data for event in outbox_events] == [{"about": "count", "text": "3"}]

    @pytest.mark.parametrize(
        "function", [lambda **kwargs: "text", partial(lambda text, **kwargs: text, "text")]
    )
    def test_robust_ones_report_what_went_wrong(self, function: Callable[..., Any]) -> None:
        signal = Signal()
        outbox.receiver(signal)(function)
        ((_, error),) = signal.send_robust(sender=None)
        assert isinstance(error, outbox.UnknownEventType)

    @pytest.mark.django_db(transaction=True)
    def test_outside_a_transaction_have_one_for_what_the_receiver_writes_and_returns(
        self, outbox_events: CapturedEvents
    ) -> None:
        signal = Signal()

        @outbox.receiver(signal)
        def write(fail: bool, **kwargs: Any) -> Note:
            assert connection.in_atomic_block
            Stamp.objects.create()
            return Note("" if fail else "written")

        with pytest.raises(outbox.InvalidKey):
            signal.send(sender=None, fail=True)
        assert not Stamp.objects.exists()
        signal.send(sender=None, fail=False)
        assert Stamp.objects.count() == len(outbox_events) == 1

    @pytest.mark.django_db(transaction=True)
    def test_inside_a_transaction_share_it(self, outbox_events: CapturedEvents) -> None:
        signal = Signal()
        note(signal)
        with transaction.atomic():
            signal.send(sender=int)
            transaction.set_rollback(True)
        assert not outbox_events


def test_subclass_of_event_is_no_event_by_itself() -> None:
    class Special(ParcelSaved):
        pass

    with pytest.raises(outbox.UnknownEventType):
        outbox.emit(Special(parcel_id=1, code="a"))

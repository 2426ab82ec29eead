"""What ``@outbox.receiver`` hears, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core import serializers
from django.db import IntegrityError, models, transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.dispatch import Signal
from django.test.utils import isolate_apps

import outbox
from outbox.testing import CapturedEvents, captured_events
from tests.outbox.hearing import keys, note
from tests.testapp.events import Note, ParcelDeleted
from tests.testapp.models import (
    Document,
    ExpressParcel,
    Invoice,
    Ledger,
    Letter,
    Parcel,
    RegisteredLetter,
    Stamp,
    Tag,
    TrackedParcel,
)

pytestmark = pytest.mark.django_db


class TestSave:
    def test_is_announced_before_and_after(self, outbox_events: CapturedEvents) -> None:
        @outbox.receiver([pre_save, post_save], sender=Parcel)
        def saved(signal: Signal, **kwargs: Any) -> Note:
            return Note("before" if signal is pre_save else "after")

        Parcel.objects.create(code="a")
        assert keys(outbox_events) == ["before", "after"]

    def test_of_a_proxy_and_of_a_child_is_heard_once(self, outbox_events: CapturedEvents) -> None:
        note(post_save, Parcel)
        for model in (Parcel, TrackedParcel, ExpressParcel):
            model.objects.create(code=model.__name__)
        assert keys(outbox_events) == ["Parcel", "TrackedParcel", "ExpressParcel"]

    def test_of_a_parent_is_not_heard_by_its_child_or_proxy(self, outbox_events: CapturedEvents) -> None:
        note(post_save, [ExpressParcel, TrackedParcel])
        Parcel.objects.create(code="a")
        assert not outbox_events

    def test_is_heard_once_though_parent_and_child_are_both_named(
        self, outbox_events: CapturedEvents
    ) -> None:
        note(post_save, [ExpressParcel, Parcel, TrackedParcel])
        ExpressParcel.objects.create(code="a")
        assert keys(outbox_events) == ["ExpressParcel"]

    def test_is_heard_by_stacked_decorators_once_each_signal(self, outbox_events: CapturedEvents) -> None:
        @outbox.receiver(post_save, sender=Parcel)
        @outbox.receiver(post_save, sender=ExpressParcel)
        @outbox.receiver(post_delete, sender=Parcel)
        def noted(sender: type, **kwargs: Any) -> Note:
            return Note(sender.__name__)

        ExpressParcel.objects.create(code="a").delete()
        assert keys(outbox_events) == ["ExpressParcel", "Parcel"]

    def test_of_every_child_of_an_abstract_sender_is_heard(self, outbox_events: CapturedEvents) -> None:
        note(post_save, Document)
        Invoice.objects.create()
        Letter.objects.create()
        RegisteredLetter.objects.create()
        assert keys(outbox_events) == ["Invoice", "Letter", "RegisteredLetter"]

    def test_of_any_model_is_heard_without_a_sender(self, outbox_events: CapturedEvents) -> None:
        note(post_save)
        Stamp.objects.create()
        ExpressParcel.objects.create(code="a")
        assert keys(outbox_events) == ["Stamp", "ExpressParcel"]

    def test_of_a_model_made_later_is_heard(self, outbox_events: CapturedEvents) -> None:
        note(post_save, Stamp)
        with isolate_apps("tests.testapp"):

            class LateStamp(Stamp):
                class Meta:
                    app_label = "testapp"
                    proxy = True

            LateStamp.objects.create()
        assert keys(outbox_events) == ["LateStamp"]

    def test_keeps_the_models_own_save_and_save_base(self, outbox_events: CapturedEvents) -> None:
        @outbox.receiver(post_save, sender=Ledger)
        def saved(instance: Ledger, **kwargs: Any) -> Note:
            return Note(instance.name, str(instance.saves))

        ledger = Ledger.objects.create(name="main")
        assert (ledger.name, ledger.saves) == ("MAIN", 1)
        assert [event.data for event in outbox_events] == [{"about": "MAIN", "text": "1"}]

    def test_of_the_same_instance_inside_a_receiver_does_not_recurse_for_ever(
        self, outbox_events: CapturedEvents
    ) -> None:
        @outbox.receiver(post_save, sender=TrackedParcel)
        def saved(instance: Parcel, **kwargs: Any) -> Note | None:
            if instance.weight < 3:
                instance.weight += 1
                instance.save()
            return Note(str(instance.weight))

        TrackedParcel.objects.create(code="a")
        assert keys(outbox_events) == ["3"] * 4

    def test_with_update_fields_says_so(self, outbox_events: CapturedEvents) -> None:
        @outbox.receiver(post_save, sender=Parcel)
        def saved(update_fields: frozenset[str] | None, **kwargs: Any) -> Note:
            return Note(",".join(update_fields or ["all"]))

        parcel = Parcel.objects.create(code="a")
        parcel.save(update_fields=["weight"])
        parcel.save(update_fields=[])
        Parcel.objects.only("weight").get().save()
        assert keys(outbox_events) == ["all", "weight", "weight"]


class TestPreSave:
    def test_event_is_built_before_the_row_is_written_and_inserted_after_it(
        self, outbox_events: CapturedEvents
    ) -> None:
        """Only the written row is locked; behind that lock the log is in the order of the commits."""
        seen = []

        @outbox.receiver(pre_save, sender=Parcel)
        def changing(instance: Parcel, **kwargs: Any) -> Note:
            stored = Parcel.objects.filter(code=instance.code).values_list("weight", flat=True).first()
            return Note("change", f"{stored} -> {instance.weight}")

        @outbox.receiver([pre_save, post_save], sender=Parcel)
        def changed(**kwargs: Any) -> None:
            seen.append(len(outbox_events))

        parcel = Parcel.objects.create(code="a")
        parcel.weight = 5
        parcel.save()
        assert seen == [0, 1, 1, 2], "before and after each row was written"
        assert [event.data["text"] for event in outbox_events] == ["None -> 0", "0 -> 5"]

    def test_event_of_a_failed_save_is_not_written_by_a_later_one(
        self, outbox_events: CapturedEvents
    ) -> None:
        @outbox.receiver(pre_save, sender=Parcel)
        def changing(instance: Parcel, **kwargs: Any) -> Note:
            return Note(instance.code)

        Parcel.objects.create(code="a")
        parcel = Parcel(code="a")
        with pytest.raises(IntegrityError), transaction.atomic():
            parcel.save()
        parcel.code = "b"
        parcel.save()
        assert keys(outbox_events) == ["a", "b"]


class TestDelete:
    def test_event_is_built_while_the_instance_has_its_key(self, outbox_events: CapturedEvents) -> None:
        @outbox.receiver([pre_delete, post_delete], sender=Parcel)
        def deleted(instance: Parcel, **kwargs: Any) -> ParcelDeleted:
            return ParcelDeleted(parcel_id=instance.pk)

        parcel = Parcel.objects.create(code="a")
        pk = parcel.pk
        parcel.delete()
        assert [(event.key, event.data) for event in outbox_events] == [(str(pk), None)] * 2

    def test_of_a_child_or_proxy_is_heard_once(self, outbox_events: CapturedEvents) -> None:
        """Django sends the signals of a child's deletion for its parent as well."""
        note(post_delete, Parcel)
        for model in (Parcel, TrackedParcel, ExpressParcel):
            model.objects.create(code=model.__name__).delete()
        assert keys(outbox_events) == ["Parcel", "TrackedParcel", "Parcel"]

    def test_of_a_child_that_keeps_its_parent_is_none_of_the_parent(
        self, outbox_events: CapturedEvents
    ) -> None:
        note(post_delete, Parcel)
        ExpressParcel.objects.create(code="a").delete(keep_parents=True)
        assert not outbox_events

    def test_under_an_abstract_sender_is_heard_once(self, outbox_events: CapturedEvents) -> None:
        note(post_delete, Document)
        RegisteredLetter.objects.create().delete()
        assert keys(outbox_events) == ["Letter"]

    def test_by_a_queryset_or_a_cascade_is_heard(self, outbox_events: CapturedEvents) -> None:
        note(post_delete, Stamp)
        Stamp.objects.create()
        Stamp.objects.all().delete()
        Stamp.objects.create(parcel=Parcel.objects.create(code="a"))
        Parcel.objects.all().delete()
        assert keys(outbox_events) == ["Stamp", "Stamp"]


class TestManyToMany:
    def test_change_is_heard_from_both_ends(self, outbox_events: CapturedEvents) -> None:
        @outbox.receiver(m2m_changed, sender=Parcel.tags.through)
        def tagged(action: str, **kwargs: Any) -> Note:
            return Note(action)

        parcel, tag = Parcel.objects.create(code="a"), Tag.objects.create(name="t")
        parcel.tags.add(tag)
        tag.parcel_set.clear()
        assert keys(outbox_events) == ["pre_add", "post_add", "pre_clear", "post_clear"]

    def test_of_a_child_is_heard_at_the_parents(self, outbox_events: CapturedEvents) -> None:
        note(m2m_changed, "testapp.Parcel_tags")
        ExpressParcel.objects.create(code="a").tags.create(name="t")
        assert len(outbox_events) == 2


class TestFixtures:
    def load(self) -> None:
        data = serializers.serialize("json", [Parcel(pk=1, code="a")])
        for loaded in serializers.deserialize("json", data):
            loaded.save()

    def test_are_not_announced_again(self, outbox_events: CapturedEvents) -> None:
        note(post_save, Parcel)
        self.load()
        assert not outbox_events

    def test_are_announced_on_demand(self, outbox_events: CapturedEvents) -> None:
        note([pre_save, post_save], Parcel, raw=True)
        self.load()
        assert keys(outbox_events) == ["Parcel", "Parcel"]

    @pytest.mark.django_db(transaction=True)
    def test_outside_a_transaction_are_refused_rather_than_announced_separately(self) -> None:
        """Loading calls Model.save_base itself, past every wrapper."""
        note(post_save, Parcel, raw=True)
        with pytest.raises(outbox.TransactionRequired):
            self.load()


class TestDatabase:
    @pytest.fixture(autouse=True)
    def other(self, django_db_blocker: Any) -> Iterator[None]:
        with captured_events("other") as self.elsewhere:
            yield

    pytestmark = pytest.mark.django_db(databases=["default", "other"])

    def test_is_the_one_of_the_signal(self, outbox_events: CapturedEvents) -> None:
        note([pre_save, post_save, post_delete], Parcel)
        Parcel.objects.using("other").create(code="a").delete()
        assert keys(self.elsewhere) == ["Parcel"] * 3
        assert not outbox_events

    def test_is_the_declared_one_for_a_signal_that_names_none(self, outbox_events: CapturedEvents) -> None:
        signal = Signal()
        note(signal, using="other")
        signal.send(sender=int)
        assert keys(self.elsewhere) == ["int"]
        assert not outbox_events


def test_models_are_not_heard_of_by_what_only_looks_like_their_signal() -> None:
    """A receiver of one model must not make Django give up fast deletion of all the others."""
    note([pre_delete, post_delete, m2m_changed], Parcel.tags.through)
    assert not post_delete.has_listeners(Invoice)
    assert not models.signals.pre_delete.has_listeners(Invoice)

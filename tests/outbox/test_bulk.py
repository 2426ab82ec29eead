"""Bulk writes through a captured manager give the events of single saves, in the same transaction."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import connection, transaction
from django.db.models import Count, Exists, F, OuterRef, QuerySet, Subquery
from django.db.models.signals import post_save, pre_save
from django.test.utils import CaptureQueriesContext

import outbox
from outbox.capture import bulk
from outbox.testing import CapturedEvents, captured_events
from tests.outbox.concurrency import in_background, wait_until_somebody_is_blocked
from tests.outbox.parcels import announced as announced  # a fixture
from tests.outbox.parcels import parcels, written
from tests.testapp.events import Note
from tests.testapp.models import ExpressParcel, Parcel, Stamp, Tag, TrackedParcel

pytestmark = pytest.mark.django_db


class TestBulkCreate:
    def test_announces_each_row_as_created(self, outbox_events: CapturedEvents) -> None:
        created = Parcel.objects.bulk_create(Parcel(code=code) for code in "abc")
        assert written(outbox_events) == [("a", 0, True), ("b", 0, True), ("c", 0, True)]
        assert [event.key for event in outbox_events] == [str(parcel.pk) for parcel in created]

    def test_works_in_chunks(self, outbox_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bulk, "CHUNK", 2)
        assert len(Parcel.objects.bulk_create([Parcel(code=code) for code in "abcde"])) == 5
        assert [code for code, _, _ in written(outbox_events)] == list("abcde")

    def test_needs_one_insert_for_the_events(self) -> None:
        with CaptureQueriesContext(connection) as queries:
            Parcel.objects.bulk_create([Parcel(code=code) for code in "abc"])
        assert sum("outbox_event" in query["sql"] for query in queries) == 1

    @pytest.mark.parametrize(
        "conflicts",
        [
            {"ignore_conflicts": True},
            {"update_conflicts": True, "update_fields": ["weight"], "unique_fields": ["code"]},
        ],
        ids=["ignored", "updated"],
    )
    def test_refuses_conflicts_and_says_what_to_do(self, conflicts: dict[str, Any]) -> None:
        with pytest.raises(outbox.CannotCapture, match=r"testapp\.Parcel .* bulk_update\(\) the others"):
            Parcel.objects.bulk_create([Parcel(code="a")], **conflicts)
        assert not Parcel.objects.exists()

    def test_that_fails_leaves_neither_rows_nor_events(
        self, outbox_events: CapturedEvents, settings: Any
    ) -> None:
        """Also inside a transaction that goes on: the rows of the chunks before are undone with it."""
        settings.OUTBOX = {**settings.OUTBOX, "MAX_EVENT_BYTES": 75}
        with pytest.raises(outbox.EventTooLarge):
            Parcel.objects.bulk_create([Parcel(code="a"), Parcel(code="b" * 50)])
        assert not Parcel.objects.exists()
        assert not outbox_events

    def test_of_nothing_writes_nothing(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            assert Parcel.objects.bulk_create([]) == []


class TestUpdate:
    def test_announces_what_is_in_the_rows_afterwards(self, outbox_events: CapturedEvents) -> None:
        parcels("a", "b", weight=1)
        parcels("c", weight=2)
        assert Parcel.objects.filter(weight=1).update(weight=F("weight") + 10) == 2
        assert written(outbox_events) == [("a", 11, False), ("b", 11, False)]

    def test_of_the_column_it_filters_by_announces_every_row(
        self, outbox_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bulk, "CHUNK", 2)
        parcels(*"abcde", weight=1)
        assert Parcel.objects.filter(weight=1).update(weight=2) == 5
        assert written(outbox_events) == [(code, 2, False) for code in "abcde"]

    def test_whose_filter_looks_at_the_rows_it_changes_announces_every_row(
        self, outbox_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bulk, "CHUNK", 1)
        parcels("a", "b", weight=1)
        others = Parcel.objects.filter(weight=OuterRef("weight")).exclude(pk=OuterRef("pk"))
        assert Parcel.objects.filter(Exists(others)).update(weight=F("pk")) == 2
        assert len(outbox_events) == 2

    def test_across_joins_announces_each_row_once(self, outbox_events: CapturedEvents) -> None:
        (parcel, _) = parcels("a", "b")
        parcel.tags.set([Tag.objects.create(name="s"), Tag.objects.create(name="t")])
        assert Parcel.objects.filter(tags__name__in="st").order_by("-code").update(weight=1) == 1
        assert written(outbox_events) == [("a", 1, False)]

    def test_of_an_aggregate_or_distinct_query_announces_its_rows(
        self, outbox_events: CapturedEvents
    ) -> None:
        (parcel, _) = parcels("a", "b")
        Stamp.objects.create(parcel=parcel)
        assert Parcel.objects.annotate(n=Count("stamps")).filter(n=1).update(weight=1) == 1
        assert Parcel.objects.filter(stamps__isnull=False).distinct().update(weight=2) == 1
        assert written(outbox_events) == [("a", 1, False), ("a", 2, False)]

    @pytest.mark.parametrize(
        "weight",
        [F("weight") + 1, Subquery(Parcel.objects.order_by("-weight").values("weight")[:1]) + F("weight")],
        ids=["to what another row has", "by what another row has"],
    )
    def test_to_an_expression_is_one_statement_as_ever(
        self, outbox_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch, weight: Any
    ) -> None:
        """In parts, a constraint would find equal weights in between, and a part the weights of the last."""
        monkeypatch.setattr(bulk, "CHUNK", 2)
        for number, parcel in enumerate(parcels(*"abcde")):
            QuerySet(Parcel).filter(pk=parcel.pk).update(weight=number)
        with connection.cursor() as cursor:
            unique = "UNIQUE (weight) DEFERRABLE INITIALLY IMMEDIATE"
            cursor.execute(f"ALTER TABLE {Parcel._meta.db_table} ADD CONSTRAINT one_weight {unique}")
        with transaction.atomic():
            QuerySet(Parcel).update(weight=weight)
            expected = list(QuerySet(Parcel).order_by("pk").values_list("weight", flat=True))
            transaction.set_rollback(True)
        assert Parcel.objects.update(weight=weight) == 5
        assert [weight for _, weight, _ in written(outbox_events)] == expected

    def test_by_an_annotation_is_captured(self, outbox_events: CapturedEvents) -> None:
        parcels("a", weight=4)
        assert Parcel.objects.annotate(double=F("weight") * 2).update(weight=F("double")) == 1
        assert written(outbox_events) == [("a", 8, False)]

    def test_of_nothing_writes_nothing(self, outbox_events: CapturedEvents) -> None:
        parcels("a")
        assert Parcel.objects.filter(code="b").update(weight=1) == 0
        assert Parcel.objects.none().update(weight=1) == 0
        assert not outbox_events

    def test_names_the_fields_as_save_would(self, outbox_events: CapturedEvents) -> None:
        @outbox.receiver(post_save, sender=Parcel)
        def named(update_fields: frozenset[str], raw: bool, using: str, **kwargs: Any) -> Note:
            return Note(f"{sorted(update_fields)} {raw} {using}")

        parcels("a")
        Parcel.objects.update(weight=1, code="z")
        assert outbox_events[-1].key == "['code', 'weight'] False default"

    def test_of_a_proxy_or_child_is_heard(self, outbox_events: CapturedEvents) -> None:
        ExpressParcel.objects.create(code="a")
        ExpressParcel.objects.update(weight=3, sender="x")
        ExpressParcel.objects.update(weight=4)
        ExpressParcel.objects.update(sender="y")
        TrackedParcel.objects.update(weight=5)
        assert [event.data["weight"] for event in outbox_events] == [0, 3, 4, 4, 5]

    def test_through_a_related_manager_is_captured(self, outbox_events: CapturedEvents) -> None:
        tag = Tag.objects.create(name="t")
        tag.parcel_set.set(parcels("a"))
        tag.parcel_set.update(weight=5)
        assert written(outbox_events) == [("a", 5, False)]

    def test_locks_in_the_order_of_the_primary_key_first(self) -> None:
        parcels("b", "a")
        with CaptureQueriesContext(connection) as queries:
            Parcel.objects.order_by("code").update(weight=1)
        first = next(query["sql"] for query in queries if query["sql"].startswith("SELECT"))
        assert 'ORDER BY 1 ASC FOR NO KEY UPDATE OF "testapp_parcel"' in first

    @pytest.mark.parametrize("values", [{"pk": 2}, {"id": 2}])
    def test_of_the_primary_key_is_refused(self, values: dict[str, int]) -> None:
        with pytest.raises(outbox.CannotCapture, match="primary key"):
            Parcel.objects.update(**values)

    def test_of_a_slice_or_an_unknown_field_is_refused_as_ever(self) -> None:
        with pytest.raises(TypeError, match="slice"):
            Parcel.objects.all()[:1].update(weight=1)
        unknown: dict[str, Any] = {"size": 1}
        with pytest.raises(FieldDoesNotExist):
            Parcel.objects.update(**unknown)

    def test_shows_pre_save_receivers_the_new_values_and_the_old_row(
        self, outbox_events: CapturedEvents
    ) -> None:
        @outbox.receiver(pre_save, sender=Parcel)
        def changing(instance: Parcel, **kwargs: Any) -> Note:
            stored = Parcel.objects.get(pk=instance.pk)
            return Note(instance.code, f"{stored.weight} -> {instance.weight}")

        parcels("a", "b", weight=1)
        Parcel.objects.update(weight=2)
        assert [(event.type, event.data.get("text")) for event in outbox_events] == [
            ("test.note", "1 -> 2"),
            ("test.note", "1 -> 2"),
            ("test.parcel.saved", None),
            ("test.parcel.saved", None),
        ]

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("distinct", [False, True])
    def test_does_not_announce_a_row_that_another_transaction_took_out_of_the_filter(
        self, distinct: bool
    ) -> None:
        """As a plain UPDATE: what it waited for is looked at again when the lock is free."""
        (parcel,) = parcels("a", weight=1)
        with captured_events() as events:
            with transaction.atomic():
                QuerySet(Parcel).update(weight=2)
                rows = (
                    Parcel.objects.filter(weight=1).distinct()
                    if distinct
                    else Parcel.objects.filter(weight=1)
                )
                update = in_background(lambda: rows.update(weight=5))
                wait_until_somebody_is_blocked()
            assert update.result(30) == 0
        assert not events
        parcel.refresh_from_db()
        assert parcel.weight == 2

    @pytest.mark.parametrize(
        ("values", "error"),
        [({"weight": "abc"}, ValueError), ({"weight": F("stamps__value")}, FieldError), ({}, None)],
    )
    @pytest.mark.parametrize("matches", [True, False])
    def test_what_django_refuses_is_refused_whether_rows_match_or_not(
        self, values: dict[str, Any], error: type[Exception] | None, matches: bool
    ) -> None:
        Parcel.objects.bulk_create([Parcel(code="a")])
        rows = Parcel.objects.filter(code="a" if matches else "b")
        if error is None:
            assert rows.update(**values) == QuerySet(Parcel).filter(code="a").update(**values) == 0
        else:
            with pytest.raises(error):
                rows.update(**values)


def test_async_variants_are_captured(outbox_events: CapturedEvents) -> None:
    async def write() -> None:
        rows = await Parcel.objects.abulk_create([Parcel(code="a")])
        await Parcel.objects.aupdate(weight=1)
        await Parcel.objects.abulk_update(rows, ["weight"])

    async_to_sync(write)()
    assert written(outbox_events) == [("a", 0, True), ("a", 1, False), ("a", 0, False)]


def test_without_a_receiver_everything_is_as_ever(django_assert_num_queries: Any) -> None:
    from outbox.capture.receivers import registered

    for receiver in [each for each in registered if Parcel in each.models()]:
        receiver.disconnect()
    with django_assert_num_queries(1):
        Parcel.objects.bulk_create([Parcel(code="a")], ignore_conflicts=True)
    with django_assert_num_queries(1):
        Parcel.objects.update(weight=1)

"""Receivers that a project connects with Django's own decorator, beside those of the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.db.models.signals import m2m_changed, post_save
from django.dispatch import Signal
from django.dispatch import receiver as django_receiver

import outbox
from tests.checking import found
from tests.testapp.events import Note
from tests.testapp.models import Parcel


def nothing(**kwargs: Any) -> None: ...


class TestDjangosOwnReceiver:
    @pytest.fixture
    def connect(self) -> Iterator[Any]:
        connected = []

        def connect(function: Any, signal: Signal = post_save) -> None:
            connected.append((signal, function))
            django_receiver(signal, sender=Parcel, weak=False)(function)

        yield connect
        for signal, function in connected:
            signal.disconnect(function, sender=Parcel)

    @pytest.mark.parametrize("signal", [post_save, m2m_changed])
    def test_that_returns_an_event_is_warned_of(self, connect: Any, signal: Signal) -> None:
        def annotated(**kwargs: Any) -> Note | None:
            return None

        def plain(**kwargs):  # type: ignore[no-untyped-def]
            return Note("a")

        connect(annotated, signal)
        connect(plain, signal)
        assert [message.obj for message in found("outbox.W006")] == [annotated, plain]

    def test_that_emits_is_fine(self, connect: Any) -> None:
        def emitting(**kwargs: Any) -> None:
            outbox.emit(Note("a"))

        connect(emitting)
        assert not found("outbox.W006")

    def test_with_a_durable_transaction_is_warned_of(self, connect: Any) -> None:
        def durable(**kwargs: Any) -> None:
            with transaction.atomic(durable=True):
                pass

        connect(durable)
        assert not found("outbox.W008")
        outbox.receiver(post_save, sender=Parcel)(nothing)
        (warning,) = found("outbox.W008")
        assert warning.obj is durable

    @pytest.mark.django_db(transaction=True)
    def test_with_a_durable_transaction_fails_with_the_remedy(self, connect: Any) -> None:
        def durable(**kwargs: Any) -> None:
            with transaction.atomic(durable=True):
                pass

        connect(durable)
        outbox.receiver(post_save, sender=Parcel)(nothing)
        with pytest.raises(RuntimeError) as caught:
            Parcel.objects.create(code="b")
        assert "on_commit" in caught.value.__notes__[0]

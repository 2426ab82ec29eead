"""``@outbox.receiver``, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from inspect import Parameter, iscoroutinefunction, signature
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS
from django.db.models.signals import post_save, pre_save
from django.dispatch import Signal
from django.utils.inspect import func_accepts_kwargs

from outbox.capture.receivers import Receiver

if TYPE_CHECKING:
    from outbox.capture.receivers import Returned

F = TypeVar("F", bound=Callable[..., "Returned"])


def receiver(
    signal: Signal | Sequence[Signal],
    *,
    sender: object = None,
    dispatch_uid: Hashable = None,
    raw: bool = False,
    using: str = DEFAULT_DB_ALIAS,
    refresh: bool | None = None,
    previous: bool = False,
) -> Callable[[F], F]:
    """Write the events that the decorated function returns for a signal: one, several, or None for nothing.

    Takes what ``django.dispatch.receiver`` takes: one signal or several, one ``sender`` or several,
    ``"app.Model"``. A model stands for its proxies and its children too, an abstract one for all of its
    children. With ``raw=True`` the function is also called for loaded fixtures. Events go to the database
    that the signal names, or to ``using`` if it names none; inside its transaction, or, where the signal is
    sent outside of one, in a transaction together with what the function writes (see
    OUTBOX["OUTSIDE_TRANSACTION"]).

    A receiver of post_save gets the row as the database holds it: the instance itself, or a copy where a
    value that was assigned differs. ``refresh=True`` always reads the row again, which shows what a trigger
    that runs after the write did; ``refresh=False`` gives the instance as it was assigned. A receiver of
    pre_delete or post_delete gets the row that is deleted, and is not called if there is none. One of
    m2m_changed, or of a signal of your own, gets the ``instance`` that the signal carries, and its row only
    with ``refresh=True``. One of pre_save gets what is assigned, because there is no row yet. With
    ``previous=True`` the function also gets ``previous``: the row before the save, locked, or None for a new
    one. With a parameter ``backfill=False``, ``outbox_backfill`` calls it as well, for rows that exist
    already.

    Raises ImproperlyConfigured for signals and senders that cannot be used.
    """
    _refuse_a_function(signal)
    wanted: Sequence[Any] = signal if isinstance(signal, list | tuple) else [signal]
    senders = sender if isinstance(sender, list | tuple) else [sender]
    if not wanted or not senders:
        raise ImproperlyConfigured("@outbox.receiver of no signal, or of no sender, would never be called.")

    def connect(function: F) -> F:
        _check(function, wanted, previous=previous, refresh=refresh)
        connected = Receiver(
            function, dispatch_uid=dispatch_uid, raw=raw, using=using, refresh=refresh, previous=previous
        )
        for each in wanted:
            for one in senders:
                connected.connect(each, one)
        return function

    return connect


def _refuse_a_function(signal: object) -> None:
    if isinstance(signal, FunctionType | type):
        raise ImproperlyConfigured(
            f"@outbox.receiver of {signal.__module__}.{signal.__qualname__} has no parentheses: name the "
            "signal, as in @outbox.receiver(post_save, sender=Order)."
        )


def _check(
    function: Callable[..., object], wanted: Iterable[object], *, previous: bool, refresh: bool | None
) -> None:
    name = getattr(function, "__qualname__", repr(function))
    if iscoroutinefunction(function):
        raise ImproperlyConfigured(
            f"@outbox.receiver: {name} is async, but an event is written in a transaction: use a plain def."
        )
    if not func_accepts_kwargs(function):
        raise ImproperlyConfigured(
            f"@outbox.receiver: {name} must accept **kwargs, as every receiver of a signal."
        )
    backfill = signature(function).parameters.get("backfill")
    if backfill is not None and backfill.default is Parameter.empty:
        raise ImproperlyConfigured(
            f"@outbox.receiver: {name} needs a default for backfill, as in backfill=False: only "
            "outbox_backfill passes it, a save does not."
        )
    for signal in wanted:
        if not isinstance(signal, Signal):
            raise ImproperlyConfigured(f"@outbox.receiver of {name}: {signal!r} is no signal.")
        if previous and signal not in (pre_save, post_save):
            raise ImproperlyConfigured(
                f"@outbox.receiver of {name}: previous=True is for pre_save and post_save only."
            )
        if refresh is True and signal is pre_save:
            raise ImproperlyConfigured(
                f"@outbox.receiver of {name}: refresh=True is not for pre_save: the row is not written yet. "
                "Use post_save, with previous=True for the row before the save."
            )

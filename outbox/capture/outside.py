"""Signals that arrive outside a transaction, after the change they report: their events can be lost."""

from __future__ import annotations

import logging
import sys
import sysconfig
from types import FrameType
from typing import TYPE_CHECKING

from django.core import signals as core_signals
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate
from django.dispatch import Signal

from outbox.conf import settings
from outbox.errors import TransactionRequired

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("outbox")

EXPECTED = (
    *(signal for signal in vars(core_signals).values() if isinstance(signal, Signal)),
    connection_created,
    pre_migrate,
    post_migrate,
)
"""Signals that Django itself sends outside a transaction. No change belongs to them, so none can be lost."""

_SENDING = ("outbox.", "django.dispatch.", "asgiref.", "contextlib")
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})

_ASYNC = "async code"

_warned: set[tuple[str, str]] = set()


def warn_or_refuse(signal: Signal, signal_name: str, receiver: object, using: str) -> None:
    """Warn once per place, or refuse, as OUTBOX["OUTSIDE_TRANSACTION"] says. Raises TransactionRequired."""
    policy = settings().outside_transaction
    if policy == "allow" or any(signal is expected for expected in EXPECTED):
        return
    sender, caller = _places()
    message = (
        f"{receiver!r} got {signal_name} from {sender} outside a transaction of database {using!r}: a crash "
        f"between the change and this signal loses the event. {_remedy(caller)}"
    )
    if policy == "refuse":
        raise TransactionRequired(f'{message} (OUTBOX["OUTSIDE_TRANSACTION"] is "refuse".)')
    if (repr(receiver), caller) in _warned:
        return
    _warned.add((repr(receiver), caller))
    logger.warning(
        message,
        extra={
            "action": "outbox.outside_transaction",
            "signal": signal_name,
            "receiver": repr(receiver),
            "sent_at": sender,
            "called_at": caller,
        },
    )


def _remedy(caller: str) -> str:
    if caller == _ASYNC:
        return (
            "It was sent by asend(): put the change and send() into one plain function, inside `with "
            "transaction.atomic():`, and call that with sync_to_async()."
        )
    return (
        "Put the change and the signal into one transaction: `with transaction.atomic():` around the call at "
        f"{caller}, or ATOMIC_REQUESTS for the whole request."
    )


def _places() -> tuple[str, str]:
    """Where the signal was sent, and the nearest line of the project's own code that led there."""
    sender = caller = ""
    if _is_async():
        return _ASYNC, _ASYNC
    for frame in _frames():
        place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        sender = sender or place
        if not frame.f_code.co_filename.startswith((*_LIBRARIES, "<")):
            caller = place
            break
    return sender, caller or sender


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not f"{frame.f_globals.get('__name__', '')}.".startswith(_SENDING):
            yield frame
        frame = frame.f_back


def _is_async() -> bool:
    """Whether asend() sent the signal: its receivers run in a thread without the frames of the caller."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(
        ("outbox.", "django.dispatch.")
    ):
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__", "").startswith("asgiref.")

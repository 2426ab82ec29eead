"""The running call of a handler, and its time limit: a handler that hangs is interrupted and fails. What it
sets in its context, such as the active language or the current tenant, ends with the call, and so do alarms.
The same holds for what a handler leaves for later: the rows of a Batch, and functions of on_commit().
"""

from __future__ import annotations

import decimal
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from types import FrameType
from typing import Any, NamedTuple, Protocol

from inbox.errors import HandlerFailed, HandlerHung, HandlerLeft, Interrupted
from outbox_core.people.failure import message
from outbox_core.process.exit_codes import ExitCode
from outbox_core.wire.event import Event

GRACE_SECONDS = 10.0
SIGNAL = signal.SIGVTALRM


class Named(Protocol):
    """A handler, or a function of its own."""

    @property
    def name(self) -> str:
        """Its dotted name."""


class Function(NamedTuple):
    """A function that is not a handler."""

    name: str

    @classmethod
    def of(cls, function: object) -> Function:
        name = getattr(function, "__qualname__", repr(function))
        return cls(f"{getattr(function, '__module__', '')}.{name}")


class Call(NamedTuple):
    """One call of a handler, and when it began, by the monotonic clock. ``event`` is None for what is called
    for several events at once.
    """

    function: Named
    event: Event | None
    began_at: float
    more: int = 0
    """How many more events a batch handler has got."""

    @property
    def handler(self) -> str:
        """Its dotted name."""
        return self.function.name

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began_at

    def __str__(self) -> str:
        event = self.event
        if event is None:
            return self.handler
        where = f"{event.topic}/{event.partition} offset {event.offset}"
        more = f" and {self.more} more" if self.more else ""
        return f"{self.handler} with {event.type} {event.id} ({where}){more}"


current: Call | None = None
"""The running call in the main thread."""
is_copy = False
"""Whether a handler made this process with os.fork(). It must not use the connections of the consumer."""
ends_alarms = False
"""Whether an alarm that is set after a call is one that its function has left. It is not if there was one
before, as of a time limit for tests, and in other threads, which get no signals.
"""


def _begin_copy() -> None:
    global is_copy
    is_copy = current is not None


os.register_at_fork(after_in_child=_begin_copy)


def begin() -> None:
    """Look for an alarm of others. Called once before the calls of a batch: each look is a system call."""
    global ends_alarms
    is_main = threading.get_ident() == threading.main_thread().ident
    ends_alarms = is_main and not any(signal.getitimer(signal.ITIMER_REAL))


def run(call: Call, index: int | None, function: Callable[..., object], *arguments: Any) -> None:
    """Run the function of a handler as the current call.

    Raises:
        HandlerFailed: it failed; ``index`` is the place of its delivery among those in hand.
    """
    try:
        limited(call, function, *arguments)
    except Exception as error:
        raise HandlerFailed(index, call.handler, call.seconds) from error


def run_function(function: Callable[[], object]) -> None:
    """Run a function that is not a handler as the current call. Raises as ``limited`` does."""
    limited(Call(Function.of(function), None, time.monotonic()), function)


def limited(call: Call, function: Callable[..., object], *arguments: Any) -> None:
    """Run a function as the current call, in a context of its own. Raises an Exception whatever the function
    raises, except for Ctrl-C.
    """
    global current
    current = call
    status = 1
    try:
        # Code changes a decimal context in place. To copy it out here costs less than in a new context.
        copy_context().run(_apart, decimal.getcontext().copy(), function, *arguments)
        status = 0
    except BaseException as error:
        current = None  # first, so that the time limit does not interrupt what follows
        if isinstance(error, KeyboardInterrupt) and asked_by_a_person():
            raise
        raised = as_error(error, call)
        if raised is error:
            raise
        raise raised from error
    finally:
        current = None
        if is_copy:
            os._exit(status)


def _apart(decimals: decimal.Context, function: Callable[..., object], *arguments: Any) -> None:
    """Call a function in this context, which ends with it, and with what a context does not hold."""
    decimal.setcontext(decimals)
    ends_alarm = ends_alarms
    try:
        function(*arguments)
    finally:
        if ends_alarm:  # one that is left would interrupt another event, or end the process
            signal.alarm(0)  # also ends one of setitimer(), for less


def as_error(error: BaseException, call: Call) -> Exception:
    """What ended a call, as an error of its event."""
    if isinstance(error, Interrupted):
        hung = HandlerHung(
            f"{call.handler} had not returned after {call.seconds:.0f} s and was interrupted "
            "(INBOX['HANDLER_SECONDS'])"
        )
        hung.__cause__ = error
        return hung
    if isinstance(error, Exception):
        return error
    left = HandlerLeft(f"{call.handler} raised {type(error).__name__}: {message(error)}")
    left.__cause__ = error
    return left


def asked_by_a_person() -> bool:
    """Whether Ctrl-C raises KeyboardInterrupt here; run_consumer turns it into a request to stop."""
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler


class Limit:
    """Interrupts a handler ``seconds`` after it was called. If it cannot be interrupted, because it hangs in
    C code, the process ends ``GRACE_SECONDS`` later, and the event counts as one that killed its process.

    Time in which the whole process was frozen (SIGSTOP, a paused container) does not count: ``clock`` went
    on, but the process took no CPU time (``cpu``), and the thread of the limit did not run either.
    """

    def __init__(
        self,
        seconds: float,
        leave: Callable[[int], object] = os._exit,
        *,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self._seconds = seconds
        self._leave = leave
        self._clock = clock
        self._cpu = cpu
        self._every = min(1.0, seconds / 4)
        self._ticked = (clock(), cpu())
        self._call: Call | None = None
        self._frozen = 0.0
        self._stopped = threading.Event()
        self._late: Call | None = None
        self._interrupted: Call | None = None
        self._timed: Call | None = None
        self._ticks = 0
        self.grace = GRACE_SECONDS

    @contextmanager
    def watching(self) -> Iterator[None]:
        """For the handlers that run meanwhile, in the main thread."""
        if not self._seconds:
            yield
            return
        signal.signal(SIGNAL, self._interrupt)
        signal.setitimer(signal.ITIMER_VIRTUAL, self._every, self._every)
        self._ticked = (self._clock(), self._cpu())
        thread = threading.Thread(target=self._watch, name="handler limit", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            # One may be on its way, and Python gives signals back to the system before it ends.
            signal.signal(SIGNAL, signal.SIG_IGN)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        call = current
        if call is None or call is self._interrupted:  # only once: its clean-up must not be interrupted
            return
        if call is self._late or self._used_up(call):
            self._late = self._interrupted = call
            raise Interrupted

    def _used_up(self, call: Call) -> bool:
        """Whether the call has used up its time as CPU time, by the timer of the kernel. A regular expression
        lets no other thread run, but signals arrive.
        """
        self._ticks = self._ticks + 1 if call is self._timed else 1
        self._timed = call
        return min(self._ticks * self._every, call.seconds) > self._seconds

    def _watch(self) -> None:
        while not self._stopped.wait(self._every):
            self.tick()

    def tick(self) -> None:
        """Check, a pause after the last tick, without the time in which the process was frozen meanwhile."""
        (clock, cpu), self._ticked = self._ticked, (self._clock(), self._cpu())
        frozen = self._ticked[0] - clock - (self._ticked[1] - cpu) - self._every
        call = current
        self._frozen = max(0.0, frozen) + (self._frozen if call is self._call else 0.0)
        self._call = call
        self.check()

    def check(self) -> None:
        """If the time is over, interrupt the running call, or end the process."""
        call = current
        if call is None:
            return
        seconds = call.seconds - (self._frozen if call is self._call else 0.0)
        if seconds < self._seconds:
            return
        if call is not self._late:
            self._late = call
            signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)
        elif seconds > self._seconds + self.grace:
            line = f"inbox: {call} cannot be interrupted after {seconds:.0f} s (INBOX['HANDLER_SECONDS'])"
            print(f"{line}; the process ends.", file=sys.stderr, flush=True)
            self._leave(ExitCode.HANDLER_STUCK)

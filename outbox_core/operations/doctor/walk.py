"""Tries the steps one after the other. Each has its own time limit, so the walk never hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator

import psycopg
from django.db import DatabaseError, InterfaceError, connections

from outbox_core.errors import KafkaUnreachable
from outbox_core.kafka_reasons import parted
from outbox_core.operations.doctor.step import Finding, Note, Outcome, Result, Step, failed
from outbox_core.people.failure import describe

CLOSE_SECONDS = 2.0
NO_ANSWER = "See whether what this step asks is overloaded, or a firewall drops its packets."


def walk(steps: Iterable[Step]) -> Iterator[Result]:
    """The result of each step as soon as it is known. A step that needs a failed one is not tried."""
    closed: set[str] = set()
    for step in steps:
        missing = [name for name in step.needs if name in closed]
        result = _not_tried(step, missing) if missing else _tried(step)
        if not result.is_open:
            closed.add(step.name)
        yield result


def briefly(action: Callable[[], object], seconds: float = CLOSE_SECONDS) -> None:
    """Do it, and do not wait for longer: a client that hangs also hangs when it is closed."""
    thread = threading.Thread(target=action, name="doctor-close", daemon=True)
    thread.start()
    thread.join(seconds)


def _not_tried(step: Step, missing: list[str]) -> Result:
    why = f"needs {', '.join(missing)}"
    return Result(name=step.name, outcome=Outcome.NOT_TRIED, facts=(why,))


def _tried(step: Step) -> Result:
    """Look in a thread of its own: many calls of clients have no time limit that counts."""
    since = time.monotonic()
    notes: list[Note] = []
    thread = threading.Thread(target=_look, args=[step, notes], name=f"doctor-{step.name}", daemon=True)
    thread.start()
    thread.join(step.seconds)
    found = list(notes)
    if thread.is_alive():
        found.append(failed(f"No answer within {step.seconds:g} s.", NO_ANSWER))
    return Result.of(step.name, found, round(time.monotonic() - since, 3))


def _finding(error: BaseException) -> Finding:
    """An error that the step itself does not explain."""
    if isinstance(error, KafkaUnreachable):
        text, remedy = parted(str(error))
        known = remedy or "Kafka answered the steps before: repeat it, and see the broker's log."
        return failed(f"{text}.", known)
    return failed(describe(error), _remedy(error))


def _remedy(error: BaseException) -> str:
    if isinstance(error, psycopg.Error | DatabaseError | InterfaceError):
        return "PostgreSQL answered the steps before: repeat it, and see its log and pg_stat_activity."
    return "This step could not be judged. If the text does not help, this is a bug: please report it."


def _look(step: Step, notes: list[Note]) -> None:
    try:
        for each in step.look():
            notes.append(each)
    except BaseException as error:  # also what ends a thread without a word
        notes.append(_finding(error))
    finally:
        connections.close_all()  # those of this thread

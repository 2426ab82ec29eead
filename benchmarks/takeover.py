"""How long after the SIGKILL of its owner a shard has a new owner, and its next event is published."""

from __future__ import annotations

import random
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TypeVar

from django.db import connection

from benchmarks.ground import fill, published, relay, topic
from outbox.models import Shard
from relay.conf import settings

T = TypeVar("T")
WAIT_SECONDS = 60.0
READY = """
    SELECT r.pid FROM outbox_shard AS s JOIN outbox_relay AS r ON r.id = s.owner
    WHERE s.lease_until > clock_timestamp()
      AND EXISTS (SELECT FROM outbox_relay
                  WHERE state = 'standby' AND heartbeat_at > clock_timestamp() - interval '2 s')
"""


def run(times: int = 20) -> Iterator[str]:
    name, lease = topic(), settings().lease_seconds
    with ExitStack() as stack:
        relays = {process.pid: process for process in (_started(stack), _started(stack))}
        measured = []
        for _ in range(times):
            measured.append(_kill_the_owner(name, relays, lease))
            new = _started(stack)
            relays[new.pid] = new
    owned, served = zip(*measured, strict=True)
    yield f"with a lease of {lease:g} s, {times} relays killed"
    yield f"the shard has another owner: {_told(owned, lease)}"
    yield f"an event committed at the kill is published: {_told(served, lease)}"


def _kill_the_owner(
    name: str, relays: dict[int, subprocess.Popen[bytes]], lease: float
) -> tuple[float, float]:
    """The seconds until another relay owns the shard, and until it has published an event."""
    owner, before = _await(_owner), published()
    fill(name, 1, 1)
    _await(lambda: published() > before)
    time.sleep(random.uniform(0, lease))  # anywhere between two renewals
    epoch, done = Shard.objects.get().epoch, published()
    relays.pop(owner).kill()
    since = time.perf_counter()
    fill(name, 1, 1)
    _await(lambda: Shard.objects.get().epoch > epoch)
    owned = time.perf_counter() - since
    _await(lambda: published() > done)
    return owned, time.perf_counter() - since


def _started(stack: ExitStack) -> subprocess.Popen[bytes]:
    process = relay()
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)
    return process


def _owner() -> int | None:
    """The pid of the owner, once there is a standby as well."""
    with connection.cursor() as cursor:
        cursor.execute(READY)
        row = cursor.fetchone()
    return row[0] if row else None


def _await(look: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing has come of it after {WAIT_SECONDS:.0f} s")
        time.sleep(0.005)
    return found


def _told(seconds: Sequence[float], lease: float) -> str:
    median, longest = statistics.median(seconds), max(seconds)
    return f"median {median:.2f} s, longest {longest:.2f} s ({longest / lease:.0%} of the lease)"

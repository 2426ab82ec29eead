"""Steps of writers, relays and operators in any order, on real connections, against a model.

A thousand steps each time; ``TORTURE_EXAMPLES=500`` makes it twenty thousand.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.torture.bench import Bench

EXAMPLES = int(os.environ.get("TORTURE_EXAMPLES", "25"))
STEPS = 40
RELAYS = st.integers(0, 1)
WRITERS = st.integers(0, 2)
KEYS = st.sampled_from(["a", "b", "c", "d"])


class Interleavings(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()

    def teardown(self) -> None:
        try:
            self.bench.finish()
        finally:
            self.bench.close()

    @invariant()
    def what_is_published_is_a_prefix_of_what_is_committed(self) -> None:
        self.bench.check()

    @rule(writer=WRITERS, key=KEYS, count=st.integers(1, 8))
    def insert(self, writer: int, key: str, count: int) -> None:
        self.bench.insert(writer, key, count)

    @rule(writer=WRITERS, key=KEYS)
    def insert_poison(self, writer: int, key: str) -> None:
        self.bench.insert(writer, key, 1, poison=True)

    @rule(writer=WRITERS)
    def commit(self, writer: int) -> None:
        self.bench.end(writer, commit=True)

    @rule(writer=WRITERS, key=KEYS)
    def insert_and_commit(self, writer: int, key: str) -> None:
        self.bench.insert(writer, key, 1)
        self.bench.end(writer, commit=True)

    @rule(writer=WRITERS)
    def roll_back(self, writer: int) -> None:
        self.bench.end(writer, commit=False)

    @rule(writer=WRITERS)
    def set_savepoint(self, writer: int) -> None:
        self.bench.savepoint(writer)

    @rule(writer=WRITERS, keep=st.booleans())
    def end_savepoint(self, writer: int, keep: bool) -> None:
        self.bench.end_savepoint(writer, keep=keep)

    @rule(relay=RELAYS)
    def acquire(self, relay: int) -> None:
        self.bench.relays[relay].acquire()

    @rule(relay=RELAYS)
    def turn(self, relay: int) -> None:
        self.bench.relays[relay].step()

    @rule(relay=RELAYS)
    def acquire_and_turn(self, relay: int) -> None:
        self.bench.relays[relay].acquire()
        self.bench.relays[relay].step()

    @rule(relay=RELAYS)
    def fail(self, relay: int) -> None:
        self.bench.fail_next(relay)

    @rule(relay=RELAYS)
    def give_up(self, relay: int) -> None:
        self.bench.relays[relay].give_up()

    @rule(relay=RELAYS)
    def crash_relay(self, relay: int) -> None:
        self.bench.relays[relay].crash()

    @rule()
    def let_leases_run_out(self) -> None:
        self.bench.expire()

    @rule()
    def recover_from_a_crash(self) -> None:
        self.bench.crash_recovery()

    @rule(count=st.integers(1, 5))
    def reshard(self, count: int) -> None:
        self.bench.reshard(count)

    @rule()
    def prune(self) -> None:
        self.bench.prune()

    @rule()
    def pause(self) -> None:
        self.bench.pause()

    @rule()
    def release_holds(self) -> None:
        self.bench.release_holds()


@pytest.mark.django_db(transaction=True)
def test_no_interleaving_loses_doubles_back_or_reorders() -> None:
    run_state_machine_as_test(
        Interleavings,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

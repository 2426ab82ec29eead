"""Break the guard, see it red: ``python -m tests.torture.guards`` removes each guard of the relay and runs
the test that must fail then. Exit code 0 only if every one of them does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass

from tests.torture.fleet import ROOT

RELAY = "tests/relay"


@dataclass(frozen=True, slots=True)
class Guard:
    """``name`` is a key of ``sabotage.MUTATIONS``, ``test`` the id of the test that holds it."""

    name: str
    test: str


GUARDS = [
    Guard(
        "the incarnation token",
        "tests/torture/test_guards.py::test_an_event_that_uses_a_forgotten_transaction_id_again_is_published",
    ),
    Guard(
        "the position only from the database",
        "tests/torture/test_guards.py::test_an_event_that_uses_a_forgotten_transaction_id_again_is_published",
    ),
    Guard(
        "KEY SHARE on the lease in a checkpoint",
        f"{RELAY}/test_lease.py::test_a_checkpoint_waits_for_a_takeover_and_is_fenced_by_it",
    ),
    Guard(
        "the epoch in a checkpoint",
        "tests/torture/test_guards.py::test_an_epoch_is_over_also_for_its_own_relay",
    ),
    Guard(
        "the owner and the epoch in a checkpoint",
        f"{RELAY}/test_lease.py::test_a_stale_epoch_writes_no_checkpoint",
    ),
    Guard(
        "checkpoints in the order of their epochs",
        f"{RELAY}/test_lease.py::test_the_latest_position_is_that_of_the_highest_epoch",
    ),
    Guard("the snapshot cursor", f"{RELAY}/test_log.py::test_a_commit_that_comes_late_is_not_lost"),
    Guard(
        "transactions that were open (xip)", f"{RELAY}/test_log.py::test_a_commit_that_comes_late_is_not_lost"
    ),
    Guard("the upper snapshot of a window", "tests/torture/test_interleavings.py"),
    Guard(
        "the lower snapshot of a window",
        f"{RELAY}/test_log.py::test_a_straggler_behind_a_long_gap_of_published_rows_is_found",
    ),
    Guard(
        "the position behind acknowledged events only",
        f"{RELAY}/test_holds.py::test_an_outage_sets_nothing_aside",
    ),
    Guard(
        "the margin of the lease",
        f"{RELAY}/test_lease.py::test_no_wave_is_handed_over_with_too_little_of_the_lease_left",
    ),
    Guard("expired leases stay expired", f"{RELAY}/test_lease.py::test_an_expired_lease_is_never_revived"),
    Guard(
        "holds looked up at hand-over",
        f"{RELAY}/test_holds.py::test_a_paused_topic_waits_until_it_is_resumed",
    ),
    Guard(
        "isolation before a record is judged",
        f"{RELAY}/test_holds.py::test_poison_that_only_the_broker_sees_is_isolated_before_it_is_judged",
    ),
    Guard(
        "the grace of a topic",
        f"{RELAY}/test_holds.py::test_a_missing_topic_waits_for_the_grace_and_then_holds_only_itself",
    ),
    Guard(
        "the refusal of another history",
        f"{RELAY}/test_history.py::test_a_position_ahead_of_the_database_is_refused",
    ),
    Guard(
        "the history judged by one snapshot",
        "tests/torture/test_found.py"
        "::test_transactions_that_commit_while_a_position_is_loaded_do_not_make_it_suspicious",
    ),
    Guard(
        "the order in which events were set aside",
        f"{RELAY}/test_holds.py::test_a_released_key_is_published_in_order_before_what_comes_later",
    ),
    Guard(
        "planner settings",
        f"{RELAY}/test_log.py::test_the_plans_use_the_indexes_whatever_the_statistics",
    ),
]


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser("tests.torture.guards", description=__doc__)
    parser.add_argument("--only", metavar="WORD", default="", help="guards with this in their name")
    options = parser.parse_args()
    guards = [guard for guard in GUARDS if options.only in guard.name]
    whole = run(*sorted({guard.test for guard in guards}))
    if whole.returncode:
        print(f"With every guard in place these tests do not pass:\n{whole.stdout}")
        return 1
    unguarded = 0
    for guard in guards:
        broken = run("-p", "tests.torture.sabotage", guard.test, TORTURE_SABOTAGE=guard.name)
        red = broken.returncode == 1 and "failed" in broken.stdout
        unguarded += not red
        print(f"{'red  ' if red else 'GREEN'}  without {guard.name:<46} {guard.test}", flush=True)
        if not red:
            print(broken.stdout[-2000:], broken.stderr[-1000:])
    print(f"{len(guards)} guards, {unguarded} of them held by no test")
    return 1 if unguarded else 0


if __name__ == "__main__":
    sys.exit(main())

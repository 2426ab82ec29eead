"""What a statement waits for is said with the session that is to be ended, or the setting."""

from __future__ import annotations

from outbox_core.process.waiting import Waits, reason

NOTHING = Waits(False, False, None, None, None, None)


def test_a_prepared_transaction_has_no_session() -> None:
    assert "pg_prepared_xacts" in reason([NOTHING._replace(for_lock=True, blocker=0)])


def test_a_session_of_another_role_is_known_by_its_number_alone() -> None:
    assert "session 7 has." in reason([NOTHING._replace(for_lock=True, blocker=7)])


def test_a_commit_that_waits_for_a_standby_names_the_setting() -> None:
    assert "synchronous_standby_names" in reason([NOTHING._replace(for_standby=True)])


def test_what_waits_for_neither_has_no_reason() -> None:
    assert reason([NOTHING]) == reason([]) == ""

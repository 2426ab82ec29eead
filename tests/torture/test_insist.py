"""Insisting helps against outages, and hides nothing else."""

from __future__ import annotations

import pytest

from tests.torture.insist import insist
from tests.torture.trial import CommandFailed

AWAY = "outbox_shards 2 ended with 1:\nCommandError: Database 'default' does not answer: connection refused."


def failing_once(text: str) -> tuple[list[int], object]:
    calls: list[int] = []

    def deed() -> str:
        calls.append(1)
        if len(calls) == 1:
            raise CommandFailed(text)
        return "done"

    return calls, deed


def test_an_outage_is_waited_for() -> None:
    calls, deed = failing_once(AWAY)
    assert insist(deed) == "done"  # type: ignore[arg-type]
    assert len(calls) == 2


@pytest.mark.parametrize("fault", ["Traceback (most recent call last):", "deadlock detected", "violates"])
def test_a_fault_of_the_commands_own_is_told(fault: str) -> None:
    _, deed = failing_once(f"outbox_shards 2 ended with 1:\n{fault}")
    with pytest.raises(CommandFailed):
        insist(deed)  # type: ignore[arg-type]

"""What has failed is tried again ever more rarely, and not by everybody at the same moment."""

from __future__ import annotations

from itertools import islice

from outbox_core.process.backoff import Backoff, delay, delays


def test_delays_double_up_to_the_cap_with_jitter() -> None:
    waits = list(islice(delays(2.0), 12))
    for number, wait in enumerate(waits):
        full = min(0.1 * 2**number, 2.0)
        assert full / 2 <= wait <= full
    assert len(set(waits)) == 12


def test_a_delay_is_bounded_after_any_number_of_failures() -> None:
    assert delay(100_000, 2.0, chance=lambda: 1.0) == 2.0


def test_success_ends_the_waiting() -> None:
    backoff = Backoff(2.0)
    backoff.failed("Kafka does not answer", at_least=1.0)
    assert (backoff.trouble, 0.5 < backoff.left <= 1.0) == ("Kafka does not answer", True)
    backoff.passed()
    assert (backoff.trouble, backoff.failed_at, backoff.left) == ("", 0.0, 0.0)

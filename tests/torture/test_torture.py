"""A few minutes of torture: each kind of fault, small, under load, and every promise held.

``python -m tests.torture`` goes on for as long as it is asked to.
"""

from __future__ import annotations

import contextlib
import os

import pytest

from devstack.errors import Unavailable
from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON
from tests.torture import campaign
from tests.torture.faults import FAULTS
from tests.torture.ground import Ground
from tests.torture.trial import Trial

SEED = int(os.environ.get("SEED", "1"))
ROUNDS = {
    "relays": ["kill-mid-wave", "stop-acked-not-checkpointed", "kill-during-takeover", "terminate", "resize"],
    "database": ["terminate-backends", "crash", "postgres-stop-immediate", "read-only"],
    "network": ["postgres-silence", "kafka-silence", "kafka-refuse", "reshard"],
    "topics": ["topic-missing", "kill-released-not-deleted"],
    "failover": ["promote"],
}


@pytest.mark.parametrize("kind", ROUNDS)
def test_every_promise_holds_under(ground: Ground, kind: str) -> None:
    _torture(ground, ROUNDS[kind])


def test_every_promise_holds_with_librdkafka(ground: Ground) -> None:
    _torture(ground, ["kill-mid-wave", "kafka-silence", "brokers-kill", "kafka-cut"], client=CONFLUENT)


def test_every_promise_holds_behind_a_pooler() -> None:
    """PgBouncer in transaction mode keeps a relay's session alive through a crash of the database."""
    try:
        made = Ground(pooled=True)
    except Unavailable as reason:
        pytest.skip(str(reason))
    with contextlib.closing(made):
        _torture(made, ["crash", "postgres-kill", "kill"])


def _torture(ground: Ground, names: list[str], client: str = KAFKA_PYTHON) -> None:
    with Trial(ground, seed=SEED, writers=2, clients=[client]) as trial:
        campaign.run(trial, [(FAULTS[name],) for name in names], between=campaign.LITTLE_BETWEEN)
        verdict = trial.verdict()
    assert verdict.holds, verdict.table()

"""Kafka: all brokers gone, one of them killed, the leader of a hot partition killed, a rolling restart."""

from __future__ import annotations

import random
import signal
import time
from functools import partial

from kafka import KafkaConsumer, TopicPartition

from devstack.errors import DevstackError
from devstack.kafka.broker import Broker
from tests.torture.faults.fault import Fault
from tests.torture.trial import Trial

AWAY_SECONDS = (2.0, 8.0)
MINUTES = (120.0, 180.0)
STOP_SECONDS = 15.0


def all_gone(trial: Trial, chance: random.Random, seconds: tuple[float, float] = AWAY_SECONDS) -> None:
    with trial.lock:
        for broker in trial.ground.kafka.brokers:
            broker.kill()
        time.sleep(chance.uniform(*seconds))
        trial.ground.kafka.start()


def all_stopped(trial: Trial, chance: random.Random) -> None:
    with trial.lock:
        _stop_all(trial)
        time.sleep(chance.uniform(*AWAY_SECONDS))
        trial.ground.kafka.start()


def _stop_all(trial: Trial) -> None:
    """As an orchestrator does it, who kills what does not end: without its quorum a broker never does."""
    for broker in trial.ground.kafka.brokers:
        try:
            broker.stop(timeout=STOP_SECONDS)
        except DevstackError:
            broker.kill()


def cold_at_start(trial: Trial, chance: random.Random) -> None:
    """Relays start while no broker answers, and ask one that has only just been started."""
    with trial.lock:
        _stop_all(trial)
        for member in trial.fleet.members():
            member.end(signal.SIGKILL)
        time.sleep(chance.uniform(*AWAY_SECONDS))
        trial.ground.kafka.start()


def one_killed(trial: Trial, chance: random.Random) -> None:
    with trial.lock:
        _kill(chance.choice(trial.ground.kafka.brokers), chance)


def hot_leader_killed(trial: Trial, chance: random.Random) -> None:
    with trial.lock:
        leader = _leader(trial, f"{trial.name}.b")
        _kill(next(b for b in trial.ground.kafka.brokers if b.node.node_id == leader), chance)


def rolling_restart(trial: Trial, chance: random.Random) -> None:
    with trial.lock:
        for broker in trial.ground.kafka.brokers:
            broker.stop()
            broker.start()
            trial.ground.kafka.await_ready()


def _kill(broker: Broker, chance: random.Random) -> None:
    broker.kill()
    time.sleep(chance.uniform(*AWAY_SECONDS))
    broker.start()


def _leader(trial: Trial, topic: str) -> int:
    consumer = KafkaConsumer(bootstrap_servers=trial.ground.bootstrap_servers.split(","), group_id=None)
    try:
        consumer.partitions_for_topic(topic)
        return int(consumer._client.cluster.leader_for_partition(TopicPartition(topic, 0)))
    finally:
        consumer.close()


FAULTS = [
    Fault("brokers-kill", all_gone),
    Fault("brokers-gone-for-minutes", partial(all_gone, seconds=MINUTES), concurrent=False, once=True),
    Fault("brokers-stop", all_stopped),
    Fault("brokers-cold", cold_at_start),
    Fault("broker-kill-one", one_killed, brokers=3),
    Fault("broker-kill-leader", hot_leader_killed, brokers=3),
    Fault("brokers-roll", rolling_restart, brokers=3),
]

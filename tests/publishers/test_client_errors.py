"""Whatever a client raises, wherever: an outage with its own reason, and a fresh producer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from kafka import errors as kafka_errors

from relay.errors import PublisherUnavailable
from relay.publishers.base import Publisher, Trouble
from relay.publishers.kafka_python.producer import Producer as KafkaPythonProducer
from tests.publishers.broker import OUTSIDER, PASSWORD, Broker
from tests.publishers.clients import CLIENTS, Security, deliver, records
from tests.publishers.contract import by_key, troubles
from tests.waiting import wait_until

pytestmark = pytest.mark.real_kafka
Connect = Callable[..., Publisher]
FATAL = [
    ("produce", KafkaError.CLUSTER_AUTHORIZATION_FAILED),
    ("flush", KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER),
    ("flush", KafkaError._FENCED),
    ("poll", KafkaError.INVALID_PRODUCER_EPOCH),
]


def test_a_user_who_may_not_publish_idempotently_waits_until_it_may(broker: Broker, connect: Connect) -> None:
    """librdkafka calls CLUSTER_AUTHORIZATION_FAILED fatal, and raises it from any call."""
    topic = broker.topic()
    publisher = connect(broker.secured, security=Security(user=OUTSIDER, password=PASSWORD))
    heard: list[str] = []

    def is_refused() -> bool:
        try:
            publisher.prepare([topic])
            heard.extend(outcome.detail for outcome in publisher.publish(records(topic, ["k"], 1)) if outcome)
        except PublisherUnavailable as error:
            heard.append(str(error))
        return any("grant WRITE" in each or "IDEMPOTENT_WRITE" in each for each in heard)

    wait_until(is_refused, 60, f"the reason among {heard}")
    broker.allow(topic, "WRITE", "DESCRIBE", user=OUTSIDER)
    wait_until(lambda: not deliver(publisher, records(topic, ["k"], 1)), 60, "the grant is in force")
    broker.forbid(topic, "WRITE", "DESCRIBE", user=OUTSIDER)


@pytest.mark.parametrize(("method", "code"), FATAL)
def test_a_fatal_error_of_librdkafka_is_an_outage(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, method: str, code: int
) -> None:
    made: list[Producer] = []

    class Dying(Producer):  # type: ignore[misc]
        """The first one that is made dies with its second wave."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(self)

    def die(producer: Producer, *args: Any, **options: Any) -> Any:
        if len(made) == 1 and dying:
            raise KafkaException(KafkaError(code, "the broker has had enough", fatal=True))
        return getattr(super(Dying, producer), method)(*args, **options)

    setattr(Dying, method, die)
    monkeypatch.setattr("relay.publishers.confluent.publisher.Producer", Dying)
    dying = False
    topic, publisher = broker.topic(), CLIENTS["confluent"](broker.address)
    assert deliver(publisher, records(topic, ["k"], 1)) == []
    dying = True
    failures = deliver(publisher, records(topic, ["k"], 2, first=1))
    assert {failure.trouble for failure in failures} == {Trouble.RETRIABLE}
    assert "the broker has had enough" in failures[0].detail
    assert len(made) == 2
    assert by_key(broker.read(topic))[b"k"][:1] == [b"0"]
    assert set(by_key(broker.read(topic))[b"k"]) == {b"0", b"1", b"2"}
    publisher.close(5)


@pytest.mark.parametrize(
    "error",
    [
        kafka_errors.ClusterAuthorizationFailedError("no idempotent sends"),
        kafka_errors.ProducerFencedError("another producer"),
        OSError("the network"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("method", ["send", "partitions_for"])
def test_what_kafka_python_raises_is_an_outage(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, method: str, error: Exception
) -> None:
    topic, publisher = broker.topic(), CLIENTS["kafka-python"](broker.address)
    assert deliver(publisher, records(topic, ["k"], 1)) == []
    original = getattr(KafkaPythonProducer, method)
    raised: list[Exception] = []

    def die(*args: Any, **options: Any) -> Any:
        if not raised:
            raised.append(error)
            raise error
        return original(*args, **options)

    monkeypatch.setattr(KafkaPythonProducer, method, die)
    failures = deliver(publisher, records(topic, ["k"], 2, first=1))
    assert {failure.trouble for failure in failures} == {Trouble.RETRIABLE}
    assert str(error).split("] ")[-1] in failures[0].detail
    assert by_key(broker.read(topic)) == {b"k": [b"0", b"1", b"2"]}
    publisher.close(5)


def test_a_fault_of_this_project_is_not_taken_for_an_outage(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, connect: Connect
) -> None:
    topic, publisher = broker.topic(), connect(broker.address)
    publisher.prepare([topic])

    def broken(*_: object, **__: object) -> None:
        raise KeyError("ours")

    for client in ("kafka_python", "confluent"):
        monkeypatch.setattr(f"relay.publishers.{client}.publisher.fit", broken)
    with pytest.raises(KeyError, match="ours"):
        publisher.publish(records(topic, ["k"], 1))


def test_hundreds_of_topics_are_created_together(broker: Broker, connect: Connect) -> None:
    """257 of them, while one that there is already keeps being published."""
    there = broker.topic()
    names = [f"{there}.{number}" for number in range(257)]
    publisher = connect(broker.address, creates=True)
    assert deliver(publisher, records(there, ["k"], 1)) == []
    pending = [record for name in (*names, there) for record in records(name, ["k"], 1, first=1)]
    seen: list[Trouble | None] = []

    def is_done() -> bool:
        publisher.prepare({record.topic for record in pending})
        outcomes = publisher.publish(pending)
        if not seen:
            seen.extend(troubles(outcomes))
        pending[:] = [r for r, o in zip(pending, outcomes, strict=False) if o] + pending[len(outcomes) :]
        return not pending

    wait_until(is_done, 60, "all topics are created")
    assert set(seen) <= {None, Trouble.TOPIC_MISSING}
    assert by_key(broker.read(there))[b"k"] == [b"0", b"1"]

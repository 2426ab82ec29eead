"""The publishers that write to Kafka, made alike, and their use as the relay makes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any, NamedTuple

from outbox_core.wire.encode import Record
from relay.errors import PublisherUnavailable
from relay.publishers.base import Failure, Publisher, Trouble
from relay.publishers.confluent import ConfluentPublisher
from relay.publishers.kafka_python import KafkaPythonPublisher
from tests.publishers.broker import USER
from tests.waiting import wait_until

Client = Callable[..., Publisher]


class Security(NamedTuple):
    """How a client introduces itself. Empty strings leave an option out."""

    protocol: str = "SASL_PLAINTEXT"
    mechanism: str = "PLAIN"
    user: str = USER
    password: str = ""
    ca: str = ""


def kafka_python(
    address: str,
    *,
    password: str | None = None,
    security: Security | None = None,
    creates: bool = False,
    compression: str | None = None,
    client_id: str = "test",
    **arguments: Any,
) -> KafkaPythonPublisher:
    options: dict[str, Any] = {
        "bootstrap_servers": [address],
        "allow_auto_create_topics": creates,
        "compression_type": compression,
        "client_id": client_id,
    }
    if password is not None:
        security = Security(password=password)
    if security is not None:
        options["security_protocol"] = security.protocol
        options |= {"ssl_cafile": security.ca} if security.ca else {}
    if security is not None and "SASL" in security.protocol:
        options["sasl_mechanism"] = security.mechanism
        options["sasl_plain_username"] = security.user
        options["sasl_plain_password"] = security.password
    return KafkaPythonPublisher(options, **arguments)


def confluent(
    address: str,
    *,
    password: str | None = None,
    security: Security | None = None,
    creates: bool = False,
    compression: str | None = None,
    client_id: str = "test",
    **arguments: Any,
) -> ConfluentPublisher:
    options: dict[str, Any] = {
        "bootstrap.servers": address,
        "allow.auto.create.topics": creates,
        "compression.type": compression or "none",
        "client.id": client_id,
    }
    if password is not None:
        security = Security(password=password)
    if security is not None:
        options["security.protocol"] = security.protocol
        options |= {"ssl.ca.location": security.ca} if security.ca else {}
    if security is not None and "SASL" in security.protocol:
        options["sasl.mechanism"] = security.mechanism
        options["sasl.username"] = security.user
        options["sasl.password"] = security.password
    return ConfluentPublisher(options, **arguments)


CLIENTS: dict[str, Client] = {"kafka-python": kafka_python, "confluent": confluent}


def records(
    topic: str, keys: Collection[str], count: int, *, first: int = 0, padding: int = 0
) -> list[Record]:
    """``count`` records for each key in turn; a value is ``number:padding``."""
    return [
        Record(topic, key.encode(), b"%d:" % number + b"x" * padding, [("n", b"%d" % number)])
        for number in range(first, first + count)
        for key in keys
    ]


def prepare(publisher: Publisher, topics: Collection[str]) -> None:
    """As the relay does: on a machine that is busy, an answer may come late, and the question comes again."""

    def answers() -> bool:
        with suppress(PublisherUnavailable):
            publisher.prepare(topics)
            return True
        return False

    wait_until(answers, 60, "the broker answers")


def deliver(publisher: Publisher, wanted: Sequence[Record], *, seconds: float = 60.0) -> list[Failure]:
    """Publish all of it as the relay does: what is not acknowledged comes again, in order.

    Returns the failures met; ends at one that trying again does not mend.
    """
    pending = list(wanted)
    failures: list[Failure] = []
    deadline = time.monotonic() + seconds
    while pending:
        assert time.monotonic() < deadline, (
            f"{len(pending)} records left after {seconds:g} s: {failures[-3:]}"
        )
        try:
            publisher.prepare({record.topic for record in pending})
        except PublisherUnavailable as error:
            failures.append(Failure(Trouble.RETRIABLE, str(error)))
            continue
        outcomes = publisher.publish(pending)
        assert outcomes
        failed = [record for record, outcome in zip(pending, outcomes, strict=False) if outcome]
        failures += [outcome for outcome in outcomes if outcome]
        pending = failed + pending[len(outcomes) :]
        if any(failure.trouble is not Trouble.RETRIABLE for failure in failures):
            break
    return failures


def isolate(publisher: Publisher, wanted: Sequence[Record]) -> list[Record]:
    """Publish what comes before the first impossible record, as the relay does: sending fewer and fewer."""
    done: list[Record] = []
    limit = len(wanted)
    while len(done) < len(wanted):
        publisher.prepare({record.topic for record in wanted})
        outcomes = publisher.publish(wanted[len(done) :][:limit])
        good = list(takewhile(lambda outcome: outcome is None, outcomes))
        done += wanted[len(done) :][: len(good)]
        if len(good) < len(outcomes):
            if len(outcomes) == 1:
                break
            limit = len(outcomes) // 2
    return done

"""A backlog that was drained too soon is reported, not divided by."""

from __future__ import annotations

from contextlib import closing
from uuid import uuid4

import pytest
from kafka import KafkaProducer

from benchmarks.arrivals import Arrivals, TooFew
from devstack.kafka import create_topics


def test_a_backlog_that_is_there_already_has_no_rate(kafka_bootstrap: str) -> None:
    topic = f"arrived-{uuid4().hex[:8]}"
    create_topics(kafka_bootstrap, {topic: 1})
    with closing(KafkaProducer(bootstrap_servers=kafka_bootstrap)) as producer:
        producer.send(topic, b"1").get(timeout=60)
    with closing(Arrivals(kafka_bootstrap, topic, 1)) as arrivals, pytest.raises(TooFew):
        arrivals.span(1)

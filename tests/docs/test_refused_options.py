"""The tables of refused options on the page about KAFKA are those that the code refuses."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core.exceptions import ImproperlyConfigured
from kafka import KafkaConsumer

from inbox.kafka.confluent.options import RESERVED
from inbox.kafka.kafka_python.client import known_options
from relay.publishers.confluent import options as confluent
from relay.publishers.kafka_python import options as kafka_python
from tests.docs.examples import ROOT


def of_kafka_python(options: dict[str, object]) -> object:
    return kafka_python.producer_options({"bootstrap_servers": "kafka:9092", **options}, 1, 1.0)


def of_librdkafka(options: dict[str, object]) -> object:
    return confluent.client_options({"bootstrap.servers": "kafka:9092", **options}, 1.0)


@pytest.mark.parametrize(("column", "read"), [(1, of_kafka_python), (2, of_librdkafka)])
def test_options_that_the_relay_refuses_are_refused(
    column: int, read: Callable[[dict[str, object]], object]
) -> None:
    names = refused("The relay refuses these", column)
    assert len(names) > 8
    for name in names:
        with pytest.raises(ImproperlyConfigured, match=re.escape(name)):
            read({name: "no value that is taken"})


def test_options_that_the_inbox_refuses_are_refused() -> None:
    names = refused("The inbox refuses these", 1)
    librdkafka = refused("The inbox refuses these", 2)
    assert librdkafka == RESERVED - {"bootstrap.servers", "metadata.broker.list"}
    assert names & known_options() == set()
    assert names <= set(KafkaConsumer.DEFAULT_CONFIG)
    assert set(KafkaConsumer.DEFAULT_CONFIG) - known_options() == names | {"bootstrap_servers"}


def refused(begins: str, column: int) -> set[str]:
    """The options in a column of the table behind a sentence of the page on KAFKA."""
    page = (ROOT / "docs" / "reference" / "kafka.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (.+) \|$", page.partition(begins)[2].partition("\n\n")[2].partition("\n\n")[0], re.M
    )
    cells = [row.split(" |")[column] for row in rows[2:]]
    return {name for cell in cells for name in re.findall(r"`([\w.]+)`", re.sub(r"\(.*?\)", "", cell))}

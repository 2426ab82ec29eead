"""A token service that is away is an outage of Kafka, not a mistake in the settings."""

from __future__ import annotations

from typing import Any

import pytest

from inbox.errors import SourceUnavailable
from inbox.kafka.confluent.connections import Confluent
from inbox.kafka.source import KafkaSource
from inbox.memory import MemoryOffsets


def no_token(config: str) -> Any:
    raise ConnectionError("the token service is away")


LOGIN = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER", "oauth_cb": no_token}


@pytest.mark.integration  # the client waits for 10 s
def test_a_source_waits_for_it() -> None:
    source = KafkaSource(
        "crm", Confluent(["127.0.0.1:9"], "crm", LOGIN), topics=["t"], offsets=MemoryOffsets()
    )
    with pytest.raises(SourceUnavailable, match="token"):
        source.poll(0.1)
    source.close()

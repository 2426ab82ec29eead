"""A service that is not there is said once, and waited for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest

from outbox.models import Relay
from tests.relay.conftest import Writer
from tests.relay.processes import START_SECONDS, RelayProcess, environment_of_tests
from tests.torture.proxy import Proxy
from tests.waiting import wait_until

ATTEMPTS = 6
IMPATIENT = json.dumps({"BACKOFF_SECONDS": 0.2})
Writers = Callable[[], Writer]


class Gate(Proxy):
    """The way to a service of this machine, closed until it is healed; ``refused`` counts attempts."""

    def __init__(self, port: int) -> None:
        self.refused = 0
        super().__init__(port)
        self.refuse()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.refused += self._refusing
        await super()._accept(reader, writer)


@pytest.fixture
def gate() -> Iterator[Callable[[str], Gate]]:
    """Makes the gate to what has this address."""
    with ExitStack() as stack:

        def make(address: str) -> Gate:
            there = urlsplit(address)
            if there.hostname not in ("127.0.0.1", "localhost") or there.port is None:
                pytest.skip(f"needs a service of this machine, not {there.netloc}")
            return stack.enter_context(closing(Gate(there.port)))

        yield make


@pytest.fixture
def name(writer: Writers, topic: Callable[..., str]) -> str:
    """A topic for which an event waits."""
    name, w = topic(1), writer()
    w.insert("a", topic=name)
    w.commit()
    return name


def told_once(lost: RelayProcess, gate: Gate, published: Callable[[], list[str]]) -> None:
    """An outage, many attempts, its end, and that the log says no more of it than that."""
    wait_until(lambda: gate.refused >= ATTEMPTS, START_SECONDS, "it has tried again and again")
    assert published() == []
    gate.heal()
    wait_until(lambda: published() == ["a:1"], START_SECONDS, "the event is in Kafka")
    wait_until(
        lambda: Relay.objects.filter(state="publishing").exists(), START_SECONDS, "the state is publishing"
    )
    assert lost.end() == 0
    lines = lost.text().splitlines()
    assert sum(" WARNING " in line and "Nothing is lost" in line for line in lines) == 1, lost.text()
    assert sum("Recovered after" in line for line in lines) == 1, lost.text()
    assert sum(" WARNING " in line or " ERROR " in line for line in lines) == 1, lost.text()
    assert "Traceback" not in lost.text()


def test_kafka_that_is_not_there_is_said_once_and_waited_for(
    relay: Callable[..., RelayProcess],
    gate: Callable[[str], Gate],
    kafka_bootstrap: str,
    name: str,
    published: Callable[[str], list[str]],
) -> None:
    """The gate is on the way to the first contact; from there on Kafka says where it is."""
    kafka = gate(f"kafka://{kafka_bootstrap.partition(',')[0]}")
    lost = relay(KAFKA_BOOTSTRAP_SERVERS=kafka.address, TESTS_RELAY=IMPATIENT)
    wait_until(
        lambda: Relay.objects.filter(state="degraded").exists(), START_SECONDS, "the state is degraded"
    )
    told_once(lost, kafka, lambda: published(name))


def test_postgresql_that_is_not_there_is_said_once_and_waited_for(
    relay: Callable[..., RelayProcess],
    gate: Callable[[str], Gate],
    name: str,
    published: Callable[[str], list[str]],
) -> None:
    postgres, url = gate_to_postgresql(gate)
    lost = relay(SHOP_DATABASE_URL=url, TESTS_RELAY=IMPATIENT)
    told_once(lost, postgres, lambda: published(name))


def gate_to_postgresql(gate: Callable[[str], Gate]) -> tuple[Gate, str]:
    """The gate, and the address of the tests' database behind it."""
    url = urlsplit(environment_of_tests()["SHOP_DATABASE_URL"])
    postgres, user = gate(url.geturl()), url.netloc.rpartition("@")[0]
    return postgres, url._replace(netloc=f"{user}@{postgres.address}").geturl()


def test_a_slow_link_to_postgresql_brings_everything(
    relay: Callable[..., RelayProcess],
    gate: Callable[[str], Gate],
    topic: Callable[..., str],
    writer: Writers,
    published: Callable[[str], list[str]],
) -> None:
    """One page has 200 kB, for which the link needs 5 s; a statement may take 2 s."""
    name, w = topic(1), writer()
    w.insert("a", 800, topic=name)
    w.commit()
    postgres, url = gate_to_postgresql(gate)
    postgres.heal()
    postgres.rate = 40_000
    impatient = json.dumps({"BACKOFF_SECONDS": 0.2, "STATEMENT_SECONDS": 2})
    relay(SHOP_DATABASE_URL=url, TESTS_RELAY=impatient)
    everything = [f"a:{number}" for number in range(1, 801)]
    wait_until(
        lambda: published(name) == everything, 2 * START_SECONDS, "all events are in Kafka, once and in order"
    )

"""One broker for all of these tests, and a client of each kind for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

pytest.register_assert_rewrite("tests.publishers.contract", "tests.publishers.clients")

from relay.publishers.base import Publisher  # noqa: E402
from tests.publishers.broker import Broker, running  # noqa: E402
from tests.publishers.clients import CLIENTS, Client  # noqa: E402


@pytest.fixture(scope="package")
def broker() -> Iterator[Broker]:
    """A broker of our own."""
    with running(Broker) as broker:
        yield broker


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    """Makes publishers of each kind that writes to Kafka."""
    return CLIENTS[request.param]


Patience = Callable[[float], None]


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """Sets how many seconds ``prepare`` waits for the broker."""

    def be(seconds: float) -> None:
        for module in ("kafka_python", "confluent"):
            monkeypatch.setattr(f"relay.publishers.{module}.publisher.PREPARE_SECONDS", seconds)

    return be


@pytest.fixture
def connect(client: Client) -> Iterator[Callable[..., Publisher]]:
    """As ``client``; what it makes is closed when the test is over."""
    with ExitStack() as stack:

        def make(address: str, **arguments: object) -> Publisher:
            publisher = client(address, **arguments)
            stack.callback(publisher.close, 5.0)
            return publisher

        yield make

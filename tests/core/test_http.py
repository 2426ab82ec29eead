"""Probes and metrics over HTTP: answered whatever other clients do, and never at the cost of the loop."""

from __future__ import annotations

import asyncio
import http.client
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http import HTTPStatus

import pytest

from outbox_core.address import Address
from outbox_core.errors import AddressUnusable
from outbox_core.process import http as server_module
from outbox_core.process.health import Health
from outbox_core.process.http import Answer, HttpServer, Query
from outbox_core.process.stopping import StopToken
from tests.waiting import wait_until

HERE = Address("127.0.0.1", 0)
SECONDS = 20.0
"""How long a client waits for an answer on a machine that is busy."""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stop() -> StopToken:
    return StopToken()


@pytest.fixture
def health(clock: Clock, stop: StopToken) -> Health:
    return Health("relay", stop, clock)


@pytest.fixture
def server(health: Health) -> Iterator[HttpServer]:
    with HttpServer(HERE, health.pages) as server:
        yield server


def ask(server: HttpServer, path: str, method: str = "GET") -> tuple[int, str]:
    """The status and the text of an answer."""
    with closing(http.client.HTTPConnection(*server.address, timeout=SECONDS)) as client:
        client.request(method, path)
        response = client.getresponse()
        return response.status, response.read().decode()


def raw(server: HttpServer, data: bytes) -> socket.socket:
    """A connection over which this was sent."""
    client = socket.create_connection(server.address, timeout=SECONDS)
    client.sendall(data)
    return client


def rest(client: socket.socket) -> bytes:
    """Everything until the server ends the connection."""
    parts = []
    try:
        while part := client.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def test_it_is_alive_as_long_as_its_loop_makes_progress(
    server: HttpServer, health: Health, clock: Clock
) -> None:
    assert ask(server, "/live") == (200, "relay: alive\n")
    clock.now = 61
    status, said = ask(server, "/live")
    assert (status, "61 s" in said) == (503, True)
    assert ask(server, "/live?max-age=100")[0] == 200
    health.progress()
    assert ask(server, "/live")[0] == 200


@pytest.mark.parametrize("max_age", ["0", "-1", "nan", "inf", "soon"])
def test_an_age_that_would_judge_nothing_is_refused(server: HttpServer, max_age: str) -> None:
    assert ask(server, f"/live?max-age={max_age}")[0] == 400


def test_it_is_ready_when_it_can_do_its_work_and_not_asked_to_stop(
    server: HttpServer, health: Health, stop: StopToken
) -> None:
    assert ask(server, "/ready")[0] == 503
    health.unready = lambda: "PostgreSQL: postgresql://u:hunter2@db refused\nDETAIL: Key (email)=(a@b)"
    status, said = ask(server, "/ready")
    assert (status, "refused" in said, said.count("\n")) == (503, True, 1)
    assert not [secret for secret in ("hunter2", "a@b") if secret in said]
    health.unready = str
    assert ask(server, "/ready") == (200, "relay: ready\n")
    stop.request()
    assert ask(server, "/ready")[0] == 503
    assert ask(server, "/live")[0] == 200


def test_the_metrics_of_the_process_are_served(server: HttpServer) -> None:
    status, text = ask(server, "/metrics")
    assert status == 200
    assert "process_resident_memory_bytes" in text


def test_only_get_and_head_of_known_paths_are_answered(server: HttpServer) -> None:
    assert ask(server, "/live", "HEAD") == (200, "")
    assert ask(server, "/live", "POST")[0] == 405
    assert ask(server, "/admin")[0] == 404
    for request in (b"rubbish\r\n\r\n", b"GET http://[ HTTP/1.1\r\n\r\n", b"\x16\x03\x01\r\n\r\n"):
        with closing(raw(server, request)) as client:
            assert rest(client).startswith(b"HTTP/1.1 400 ")


def test_a_request_without_end_is_refused_for_its_size(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "REQUEST_SECONDS", 10 * SECONDS)
    with closing(raw(server, b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000)) as client:
        assert rest(client).partition(b" ")[2][:4] in (b"400 ", b""), "the reset may overtake the answer"
    assert ask(server, "/live")[0] == 200


def test_slow_clients_delay_nobody_and_are_cut_off(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "REQUEST_SECONDS", 0.5)
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(raw(server, b"GET /live HT"))) for _ in range(20)]
        assert ask(server, "/live")[0] == 200
        assert [rest(client) for client in slow] == [b""] * 20


def test_more_clients_than_it_takes_are_cut_off_and_leave_room_again(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "CONNECTIONS", 2)
    first, second = (raw(server, b"GET /live HT") for _ in range(2))
    with closing(second):
        with closing(first):
            with closing(raw(server, b"GET /live HT")) as third:
                assert rest(third) == b""
        wait_until(lambda: answers(server), SECONDS, "there is room for one more")


def answers(server: HttpServer) -> bool:
    try:
        return ask(server, "/live")[0] == 200
    except (http.client.BadStatusLine, ConnectionError):
        return False


LEAVES = """
import http.client, threading, time
from outbox_core.address import Address
from outbox_core.process.health import Health
from outbox_core.process.http import HttpServer
from outbox_core.process.stopping import StopToken
health, reads = Health("relay", StopToken()), threading.Event()
health.metrics.read(lambda: [reads.set(), time.sleep(600)], ())
with HttpServer(Address("127.0.0.1", 0), health.pages) as server:
    client = http.client.HTTPConnection(*server.address)
    client.request("GET", "/metrics")
    assert reads.wait(20)
"""


def test_a_database_that_hangs_while_it_is_scraped_delays_no_end() -> None:
    subprocess.run([sys.executable, "-c", LEAVES], check=True, timeout=3 * SECONDS)


def test_metrics_that_take_long_delay_no_probe(server: HttpServer, health: Health) -> None:
    goes_on = threading.Event()
    health.metrics.read(lambda: [[], []][goes_on.wait(SECONDS)], ())
    scrape = raw(server, b"GET /metrics HTTP/1.1\r\n\r\n")
    try:
        assert ask(server, "/live")[0] == 200
    finally:
        goes_on.set()
    with closing(scrape):
        assert rest(scrape).startswith(b"HTTP/1.1 200 ")


def test_a_page_that_fails_is_an_error_of_one_answer(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(query: Query) -> Answer:
        raise ZeroDivisionError

    async def work(query: Query) -> Answer:
        await asyncio.sleep(0)
        return Answer(HTTPStatus.OK, b"fine")

    with HttpServer(HERE, {"/fail": fail, "/work": work}) as server:
        assert ask(server, "/fail")[0] == 500
        assert ask(server, "/work") == (200, "fine")
    assert [getattr(record, "action", "") for record in caplog.records] == ["process.http_failed"]


def test_its_port_is_taken_until_it_ends(health: Health) -> None:
    with HttpServer(HERE, health.pages) as first:
        address = first.address
        with pytest.raises(AddressUnusable):
            HttpServer(address, {})
    with HttpServer(address, health.pages) as second:
        assert ask(second, "/live")[0] == 200


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(AddressUnusable):
        HttpServer(Address("192.0.2.1", 0), {})

"""run_relay as processes on real PostgreSQL and Kafka, ended by real signals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from outbox.models import Relay, Shard
from outbox_core.probe import main as probe
from relay.conf import settings
from tests.relay.conftest import Writer
from tests.torture.proxy import Proxy
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
ATTEMPTS = 6
Writers = Callable[[], Writer]


class RelayProcess:
    """A relay of its own process on the test database; ``log`` is what it prints."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run_relay", *arguments],
                cwd=ROOT,
                env={**os.environ, **_environment(), **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def owns(self) -> bool:
        return Relay.objects.filter(pid=self.process.pid, id__in=Shard.objects.values("owner")).exists()

    @property
    def alive(self) -> bool:
        return Relay.objects.filter(pid=self.process.pid).exists()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM, timeout: float = 15.0) -> int:
        """Send a signal; the exit code."""
        self.send(number)
        return self.process.wait(timeout)

    def text(self) -> str:
        return self.log.read_text()


def _environment() -> dict[str, str]:
    name = connection.settings_dict["NAME"]
    base = os.environ["DATABASE_URL"].rpartition("/")[0]
    return {
        "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
        "SHOP_DATABASE_URL": f"{base}/{name}",
    }


@pytest.fixture
def relay(
    transactional_db: None, tmp_path: Path, kafka_bootstrap: str
) -> Iterator[Callable[..., RelayProcess]]:
    """Starts relays; those that a test leaves behind are killed."""
    started: list[RelayProcess] = []

    def start(*arguments: str, **environment: str) -> RelayProcess:
        new = RelayProcess(tmp_path / f"relay-{len(started)}.log", *arguments, **environment)
        started.append(new)
        return new

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


@pytest.fixture
def published(kafka_bootstrap: str) -> Callable[[str], list[str]]:
    """Reads a topic from its start to its present end; the payloads, partition by partition."""
    from kafka import KafkaConsumer, TopicPartition

    def read(topic: str) -> list[str]:
        consumer = KafkaConsumer(
            bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest", group_id=None
        )
        try:
            parts = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
            consumer.assign(parts)
            ends = consumer.end_offsets(parts)
            records: dict[TopicPartition, list[str]] = {part: [] for part in parts}
            while any(consumer.position(part) < ends[part] for part in parts):
                for part, batch in consumer.poll(timeout_ms=500).items():
                    records[part] += [(r.value or b"").decode() for r in batch]
            return [text for part in parts for text in records[part]]
        finally:
            consumer.close()

    return read


def test_sigterm_ends_cleanly_and_leaves_the_shard_to_the_standby_at_once(
    relay: Callable[..., RelayProcess],
    writer: Writers,
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    name = topic(3)
    first = relay()
    wait_until(lambda: first.owns, 20, "the first relay owns the shard")
    second = relay()
    wait_until(lambda: second.alive, 20, "the second relay is alive")
    assert not second.owns
    w = writer()
    w.insert("a", 5, topic=name)
    w.commit()
    wait_until(lambda: len(published(name)) == 5, 20, "the events are in Kafka")
    assert first.end() == 0
    wait_until(lambda: second.owns, 3, "the standby owns the shard")
    w.insert("a", 5, topic=name)
    w.commit()
    wait_until(lambda: len(published(name)) == 10, 10, "the standby publishes")
    assert published(name) == [f"a:{n}" for n in range(1, 11)]
    assert second.end(signal.SIGINT) == 0
    assert "State: standby" in second.text()
    assert not Relay.objects.exists()


def test_a_killed_relay_is_replaced_within_its_lease_and_nothing_is_lost(
    relay: Callable[..., RelayProcess],
    writer: Writers,
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    name = topic(1)
    first = relay()
    wait_until(lambda: first.owns, 20, "the first relay owns the shard")
    second = relay()
    wait_until(lambda: second.alive, 20, "the second relay is alive")
    w = writer()
    w.insert("a", 4_000, topic=name)
    w.commit()
    wait_until(lambda: bool(published(name)), 20, "the first wave is in Kafka")
    first.end(signal.SIGKILL)
    wait_until(lambda: second.owns, settings().lease_seconds + 3, "the standby takes over")
    wait_until(lambda: "a:4000" in published(name), 30, "all is published")
    sequence = published(name)
    assert list(dict.fromkeys(sequence)) == [f"a:{n}" for n in range(1, 4_001)]
    assert second.end() == 0


def test_drain_publishes_what_there_is_and_ends(
    relay: Callable[..., RelayProcess],
    writer: Writers,
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    name, w = topic(1), writer()
    w.insert("a", 100, topic=name)
    w.commit()
    drain = relay("--drain")
    assert drain.process.wait(30) == 0, drain.text()
    assert len(published(name)) == 100


@pytest.fixture(params=["kafka-refuses", "kafka-is-silent", "postgres-refuses", "postgres-is-silent"])
def away(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """What tells a relay that a service is where nobody listens, or listens and never answers."""
    service, _, how = request.param.partition("-")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = 1 if how == "refuses" else silent.getsockname()[1]
        yield {
            "kafka": {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"},
            "postgres": {"SHOP_DATABASE_URL": f"postgresql://postgres@127.0.0.1:{port}/none"},
        }[service]


def test_a_drain_ends_when_its_time_is_over_whatever_is_away(
    relay: Callable[..., RelayProcess], writer: Writers, topic: Callable[..., str], away: dict[str, str]
) -> None:
    w = writer()
    w.insert("a", topic=topic(1))
    w.commit()
    drain = relay("--drain", "--timeout", "3", **away)
    assert drain.process.wait(40) == 4, drain.text()
    assert "Traceback" not in drain.text()


def test_a_drain_that_is_stopped_does_not_claim_to_be_drained(
    relay: Callable[..., RelayProcess], writer: Writers, topic: Callable[..., str]
) -> None:
    w = writer()
    w.insert("a", topic=topic(1))
    w.commit()
    drain = relay("--drain", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    wait_until(lambda: Relay.objects.filter(state="degraded").exists(), 20, "the state is degraded")
    assert drain.end() == 4


@pytest.mark.parametrize(
    "arguments",
    [["--timeout", "3"], *(["--drain", "--timeout", seconds] for seconds in ("0", "-1", "nan", "soon"))],
    ids=" ".join,
)
def test_a_timeout_that_means_nothing_is_a_usage_error(
    relay: Callable[..., RelayProcess], arguments: list[str]
) -> None:
    assert relay(*arguments).process.wait(20) == 2


@pytest.mark.parametrize("numbers", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)])
def test_signals_that_come_together_end_it_cleanly(
    relay: Callable[..., RelayProcess], numbers: tuple[signal.Signals, signal.Signals]
) -> None:
    """As GNU timeout and a terminal's Ctrl-C send them, to a process and to its group."""
    only = relay()
    wait_until(lambda: only.owns, 20, "the relay owns the shard")
    only.send(numbers[0])
    time.sleep(0.002)
    assert only.end(numbers[1]) == 0
    assert not Relay.objects.exists()


def alive(path: Path) -> bool:
    return probe([str(path), "--max-age", "6"]) == 0


def test_a_frozen_relay_beside_a_live_one_is_seen_by_its_own_probe_alone(
    relay: Callable[..., RelayProcess], tmp_path: Path
) -> None:
    paths = [tmp_path / "first", tmp_path / "second"]
    first, second = (relay("--liveness-file", str(path)) for path in paths)
    wait_until(lambda: all(map(alive, paths)), 20, "both are alive")
    first.send(signal.SIGSTOP)
    wait_until(lambda: not alive(paths[0]), 20, "the frozen one is seen")
    assert alive(paths[1])
    first.send(signal.SIGCONT)
    wait_until(lambda: alive(paths[0]) or first.process.poll() is not None, 20, "it continues, or has ended")
    assert second.end() == 0
    assert not paths[1].exists()


def test_a_relay_that_waits_in_an_outage_is_alive(
    relay: Callable[..., RelayProcess],
    writer: Writers,
    topic: Callable[..., str],
    tmp_path: Path,
    away: dict[str, str],
) -> None:
    path, w = tmp_path / "alive", writer()
    w.insert("a", topic=topic(1))
    w.commit()
    waiting = relay("--liveness-file", str(path), **away)
    wait_until(lambda: "Nothing is lost" in waiting.text(), 30, "it waits")
    until = time.monotonic() + 8
    while time.monotonic() < until:
        assert alive(path)
        time.sleep(0.2)
    assert waiting.end() == 0


def test_a_relay_that_cannot_start_is_not_alive(relay: Callable[..., RelayProcess], tmp_path: Path) -> None:
    path = tmp_path / "alive"
    broken = relay("--liveness-file", str(path), DJANGO_SETTINGS_MODULE="no.such.settings")
    assert broken.process.wait(20) == 1
    assert not alive(path)


def test_a_liveness_file_that_cannot_be_written_is_a_usage_error(relay: Callable[..., RelayProcess]) -> None:
    assert relay("--liveness-file", "/no/such/folder/alive").process.wait(20) == 2


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


def told_once(lost: RelayProcess, gate: Gate, published: Callable[[], list[str]]) -> None:
    """An outage, many attempts, its end, and that the log says no more of it than that."""
    wait_until(lambda: gate.refused >= ATTEMPTS, 40, "it has tried again and again")
    assert published() == []
    gate.heal()
    wait_until(lambda: published() == ["a:1"], 20, "the event is in Kafka")
    wait_until(lambda: Relay.objects.filter(state="publishing").exists(), 10, "the state is publishing")
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
    writer: Writers,
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    """The gate is on the way to the first contact; from there on Kafka says where it is."""
    name, w = topic(1), writer()
    w.insert("a", topic=name)
    w.commit()
    kafka = gate(f"kafka://{kafka_bootstrap.partition(',')[0]}")
    lost = relay(KAFKA_BOOTSTRAP_SERVERS=kafka.address)
    wait_until(lambda: Relay.objects.filter(state="degraded").exists(), 20, "the state is degraded")
    told_once(lost, kafka, lambda: published(name))


def test_postgresql_that_is_not_there_is_said_once_and_waited_for(
    relay: Callable[..., RelayProcess],
    gate: Callable[[str], Gate],
    writer: Writers,
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    name, w = topic(1), writer()
    w.insert("a", topic=name)
    w.commit()
    url = urlsplit(_environment()["SHOP_DATABASE_URL"])
    postgres = gate(url.geturl())
    user = url.netloc.rpartition("@")[0]
    lost = relay(SHOP_DATABASE_URL=url._replace(netloc=f"{user}@{postgres.address}").geturl())
    told_once(lost, postgres, lambda: published(name))


def test_an_unknown_database_is_a_usage_error(relay: Callable[..., RelayProcess]) -> None:
    wrong = relay("--database", "elsewhere")
    assert wrong.process.wait(20) == 2
    assert "elsewhere" in wrong.text()


def test_a_database_that_is_not_postgresql_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    aliases = {"lite": SimpleNamespace(vendor="sqlite")}
    monkeypatch.setattr("relay.management.commands.run_relay.connections", aliases)
    with pytest.raises(CommandError, match="'lite' is sqlite") as refused:
        call_command("run_relay", database="lite", skip_checks=True)
    assert refused.value.returncode == 2


def test_options_that_the_client_refuses_end_it_with_one_line(
    relay: Callable[..., RelayProcess], writer: Writers, tmp_path: Path, kafka_bootstrap: str
) -> None:
    w = writer()
    w.insert("a")
    w.commit()
    options = {"bootstrap_servers": kafka_bootstrap, "api_version": "x"}
    settings_file = f"from tests.settings import *\nKAFKA = {{'OPTIONS': {options}}}\n"
    (tmp_path / "refused_settings.py").write_text(settings_file)
    wrong = relay(DJANGO_SETTINGS_MODULE="refused_settings", PYTHONPATH=str(tmp_path))
    assert wrong.process.wait(20) == 1
    assert wrong.text().splitlines()[-1].startswith('CommandError: KAFKA["OPTIONS"]: '), wrong.text()
    assert "Traceback" not in wrong.text()


@pytest.mark.parametrize("address", ["", ",", "127.0.0.1:none", "127.0.0.1:1,"])
def test_an_address_that_is_none_is_refused_also_where_nothing_waits(
    relay: Callable[..., RelayProcess], address: str
) -> None:
    wrong = relay("--drain", KAFKA_BOOTSTRAP_SERVERS=address)
    assert wrong.process.wait(20) == 1
    assert "relay.E006" in wrong.text()
    assert "Traceback" not in wrong.text()

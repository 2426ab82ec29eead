"""What both commands have from being a process that runs until it is asked to stop."""

from __future__ import annotations

import signal
import socket
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import connection

from outbox_core.address import Address
from outbox_core.probe import main as probe
from outbox_core.process.arguments import address, processes
from outbox_core.process.command import ProcessCommand
from outbox_core.process.exit_codes import ExitCode
from outbox_core.process.stopping import SIGNALS


class Command(ProcessCommand):
    logger = "relay"
    shutdown_seconds = 1.0

    def work(self, **options: Any) -> None: ...


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_query_log_of_debug_does_not_grow(db: None, settings: Any) -> None:
    settings.DEBUG = True
    with Command().process("relay", seconds=1) as process:
        for _ in range(20):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            process.progress()
            assert len(connection.queries_log) == 0


def test_its_liveness_file_lasts_as_long_as_it(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    with Command().process("relay", seconds=1, liveness_file=path) as process:
        process.progress()
        assert probe([str(path)]) == 0
    assert not path.exists()


@pytest.mark.parametrize("error", [ImproperlyConfigured("wrong"), ZeroDivisionError("bug")])
def test_an_error_leaves_no_liveness_file(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "alive"
    with pytest.raises((CommandError, ZeroDivisionError)) as ended:
        with Command().process("relay", seconds=1, liveness_file=path):
            raise error
    assert not path.exists()
    if isinstance(ended.value, CommandError):
        assert ended.value.returncode == ExitCode.ERROR


def test_a_liveness_file_that_is_in_use_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    with Command().process("relay", seconds=1, liveness_file=path):
        with pytest.raises(CommandError, match="another live process") as refused:
            with Command().process("relay", seconds=1, liveness_file=path):
                pass
    assert refused.value.returncode == ExitCode.USAGE


def test_an_address_that_is_taken_is_a_usage_error_before_anything_begins(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address(*taken.getsockname())
        with pytest.raises(CommandError, match=str(address)) as refused:
            with Command().process("relay", seconds=1, liveness_file=path, http=address):
                pass
    assert refused.value.returncode == ExitCode.USAGE
    assert not path.exists()


def test_metrics_without_their_extra_are_a_usage_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    for module in ("outbox_core.metrics.prometheus", "outbox_core.process.health"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delattr("outbox_core.metrics.prometheus", raising=False)
    with pytest.raises(CommandError, match=r"django-outbox-relay\[metrics\]") as refused:
        with Command().process("relay", seconds=1, http=Address("127.0.0.1", 0)):
            pass
    assert refused.value.returncode == ExitCode.USAGE


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("9102", "127.0.0.1:9102"),
        (":9102", "127.0.0.1:9102"),
        ("192.0.2.7:9102", "192.0.2.7:9102"),
        ("[::1]:9102", "[::1]:9102"),
        ("relay:0", "relay:0"),
    ],
)
def test_an_address_is_on_loopback_unless_it_says_otherwise(given: str, meant: str) -> None:
    assert str(address(given)) == meant


@pytest.mark.parametrize("given", ["257", "99999", "0", "-1", "many", "1.5"])
def test_a_number_of_processes_that_makes_no_sense_is_refused(given: str) -> None:
    """It would start them until the machine has no memory."""
    with pytest.raises(CommandError, match=f"argument --processes: .*{given}"):
        Command().create_parser("manage.py", "run_relay").parse_args(["--processes", given])


def test_who_wants_too_many_processes_learns_the_limit_and_why() -> None:
    assert processes("256") == 256
    with pytest.raises(ArgumentTypeError, match=r"257 is more than 256.*connection to the database"):
        processes("257")


@pytest.mark.parametrize("given", ["", "relay", "relay:", "::1", "127.0.0.1:65536", "127.0.0.1:http", "1:-1"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ArgumentTypeError):
        address(given)

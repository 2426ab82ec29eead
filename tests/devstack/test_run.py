"""``devstack run``: services for the time of a command, and none of them afterwards, however it ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

import pytest

from tests.devstack.conftest import COMMAND, Devstack
from tests.waiting import wait_until

Start = Callable[..., Devstack]
RUN = ("run", "--postgres-only", "--")
SLEEPER = (sys.executable, str(COMMAND))


def test_a_command_finds_both_services_by_their_variables(devstack: Start) -> None:
    asking = """if 1:
        import os, psycopg, devstack.kafka.metadata as metadata
        psycopg.connect(os.environ["DATABASE_URL"]).close()
        print(metadata.brokers(os.environ["KAFKA_BOOTSTRAP_SERVERS"]))
    """
    run = devstack("run", "--", sys.executable, "-c", asking)
    assert run.end() == 0, run.err.read_text()
    assert run.out.read_text() == "1\n"
    assert "PostgreSQL" in run.err.read_text()
    assert "Kafka" in run.err.read_text()


def test_the_exit_code_is_the_command_s(devstack: Start) -> None:
    assert devstack(*RUN, "sh", "-c", "exit 7").end() == 7


def test_a_command_ended_by_a_signal_is_told_as_shells_do(devstack: Start) -> None:
    assert devstack(*RUN, "sh", "-c", "kill -KILL $$").end() == 128 + signal.SIGKILL


def test_a_command_that_does_not_exist_is_named(devstack: Start) -> None:
    run = devstack(*RUN, "no-such-command")
    assert run.end() == 1
    assert "cannot run no-such-command: No such file" in run.err.read_text()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 5), (signal.SIGTERM, 6)])
def test_a_signal_ends_the_command_first_and_its_services_afterwards(
    devstack: Start, number: signal.Signals, code: int
) -> None:
    run = devstack(*RUN, *SLEEPER)
    server = run.await_command()
    run.signal(number)
    assert run.end() == code
    assert "served to the end" in run.out.read_text()
    assert server.is_gone()


def test_a_signal_to_the_whole_process_group_reaches_the_command_once(devstack: Start) -> None:
    run = devstack(*RUN, *SLEEPER)
    server = run.await_command()
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.end() == 5
    assert run.out.read_text().count("served to the end") == 1
    assert server.is_gone()


def test_a_second_sigterm_kills_a_command_that_ignores_the_first(devstack: Start) -> None:
    deaf = 'trap "echo deaf" TERM; echo running $DATABASE_URL; while :; do sleep 0.1; done'
    run = devstack(*RUN, "sh", "-c", deaf)
    server = run.await_command()
    run.signal(signal.SIGTERM)
    wait_until(lambda: "deaf" in run.out.read_text(), 60, "the first one reaches the command")
    run.signal(signal.SIGTERM)
    assert run.end() == 128 + signal.SIGKILL
    assert server.is_gone()


def test_nothing_outlives_a_devstack_that_is_killed(devstack: Start) -> None:
    run = devstack(*RUN, *SLEEPER)
    server = run.await_command()
    run.signal(signal.SIGKILL)
    run.end()
    wait_until(server.is_gone, 60, "PostgreSQL and its data are gone")
    assert "served to the end" in run.out.read_text()


def test_two_at_once_have_servers_of_their_own(devstack: Start) -> None:
    runs = [devstack(*RUN, *SLEEPER) for _ in range(2)]
    first, second = (run.await_command() for run in runs)
    assert first.url != second.url
    assert first.data != second.data


@pytest.mark.parametrize(
    ("variable", "address", "option"),
    [
        ("DATABASE_URL", "postgresql://postgres@127.0.0.1:1/postgres", "--postgres-only"),
        ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1", "--kafka-only"),
    ],
)
def test_a_server_that_is_named_but_does_not_answer_is_an_error(
    devstack: Start, variable: str, address: str, option: str
) -> None:
    run = devstack("run", option, "--", "true", **{variable: address})
    assert run.end() == 1
    assert variable in run.err.read_text()
    assert "unset the variable" in run.err.read_text()


def test_without_a_command_it_says_how_to_give_one(devstack: Start) -> None:
    run = devstack("run")
    assert run.end() == 2
    assert "devstack run -- COMMAND" in run.err.read_text()

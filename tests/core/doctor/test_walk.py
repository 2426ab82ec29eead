"""The walk tries each step within its time, and says why others are not tried."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.doctor.command import DoctorCommand
from outbox_core.operations.doctor.report import MARKS, as_data, merged, render, summary
from outbox_core.operations.doctor.step import (
    Note,
    NotTried,
    NotUsed,
    Outcome,
    Result,
    Step,
    exit_code,
    failed,
    warning,
)
from outbox_core.operations.doctor.walk import walk
from outbox_core.operations.report import Problem


def step(name: str, *said: Note, needs: tuple[str, ...] = ()) -> Step:
    return Step(name=name, look=lambda: iter(said), needs=needs)


def outcomes(*steps: Step) -> dict[str, Outcome]:
    return {result.name: result.outcome for result in walk(steps)}


def test_a_step_behind_a_failed_one_is_not_tried() -> None:
    way = [
        step("a", "fact"),
        step("b", failed("closed", "open it"), needs=("a",)),
        step("c", "fact", needs=("b",)),
        step("d", "fact", needs=("c",)),
        step("e", "fact", needs=("a",)),
    ]
    expected = [Outcome.OK, Outcome.FAILED, Outcome.NOT_TRIED, Outcome.NOT_TRIED, Outcome.OK]
    assert list(outcomes(*way).values()) == expected


def test_a_warning_and_an_unused_step_do_not_close_the_way() -> None:
    way = [
        step("a", warning("odd", "look")),
        step("b", NotUsed("no need"), needs=("a",)),
        step("c", "fact", needs=("b",)),
    ]
    assert list(outcomes(*way).values()) == [Outcome.WARNING, Outcome.NOT_USED, Outcome.OK]


@pytest.mark.parametrize(
    ("notes", "outcome", "code"),
    [
        (["fact"], Outcome.OK, 0),
        (["fact", warning("odd", "look")], Outcome.WARNING, 1),
        ([warning("odd", "look"), failed("closed", "open it")], Outcome.FAILED, 2),
        ([NotTried("needs x")], Outcome.NOT_TRIED, 0),
    ],
)
def test_the_worst_that_a_step_says_is_its_outcome(notes: list[Note], outcome: Outcome, code: int) -> None:
    result = Result.of("a", notes, 0.0)
    assert (result.outcome, exit_code([result])) == (outcome, code)


def test_a_step_that_hangs_fails_in_its_time_and_keeps_what_it_said() -> None:
    released = threading.Event()

    def hang() -> Iterator[Note]:
        yield "begun"
        released.wait(60)
        yield "late"

    try:
        [result] = walk([Step(name="slow", look=hang, seconds=0.2)])
    finally:
        released.set()
    assert (result.outcome, result.facts) == (Outcome.FAILED, ("begun",))
    assert result.seconds < 30


def test_an_unexpected_error_is_a_failure_without_its_secrets() -> None:
    def fail() -> Iterator[Note]:
        yield "begun"
        raise RuntimeError("cannot use password=hunter2")

    [result] = walk([Step(name="a", look=fail)])
    assert result.outcome is Outcome.FAILED
    assert "RuntimeError" in result.findings[0].text
    assert "hunter2" not in result.findings[0].text


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (KafkaUnreachable("connection refused"), "Kafka runs"),
        (KafkaUnreachable("no answer"), "broker's log"),
        (psycopg.OperationalError("server closed the connection"), "pg_stat_activity"),
        (ValueError("x"), "report"),
    ],
)
def test_an_error_between_two_steps_has_a_remedy(error: Exception, remedy: str) -> None:
    def fail() -> Iterator[Note]:
        yield "begun"
        raise error

    [result] = walk([Step(name="a", look=fail)])
    assert remedy in result.findings[0].remedy


def test_a_step_that_ends_its_thread_is_a_failure() -> None:
    def leave() -> Iterator[Note]:
        yield "begun"
        raise SystemExit(3)

    [result] = walk([Step(name="a", look=leave)])
    assert result.outcome is Outcome.FAILED


def test_a_step_is_printed_with_its_problem_and_remedy_below_its_facts() -> None:
    result = Result.of("topic orders", ["3 partitions", warning("odd " * 20, "look")], 0.1)
    shown = list(render(result, lambda text, outcome: text, 50, MARKS))
    assert shown[0] == "! topic       3 partitions"
    assert shown[1].startswith("              ! odd")
    assert shown[-1] == "              -> look"
    assert max(map(len, shown)) <= 50


def test_what_was_not_tried_says_why() -> None:
    result = Result(name="log", outcome=Outcome.NOT_TRIED, facts=("needs grants",))
    assert list(render(result, lambda text, outcome: text, 80, MARKS)) == [
        "- log         not tried: needs grants"
    ]


def test_the_topic_that_was_not_tried_is_named() -> None:
    result = Result(name="topic orders", outcome=Outcome.NOT_TRIED, facts=("needs login",))
    assert list(render(result, lambda text, outcome: text, 80, MARKS)) == [
        "- topic       not tried: needs login (orders)"
    ]


def test_topics_that_were_not_tried_for_one_reason_are_one_line() -> None:
    way = [
        step("login", failed("closed", "open it")),
        step("acls", needs=("login",)),
        step("topic a", needs=("login",)),
        step("topic b", needs=("login",)),
        step("topic c", "fact"),
        step("topic d", needs=("login",)),
    ]
    names = [result.name for result in merged(walk(way))]
    assert names == ["login", "acls", "topic a, b", "topic c", "topic d"]


class Examined(DoctorCommand):
    """A doctor of two steps."""

    logger = "outbox"

    def subject(self, options: dict[str, Any]) -> dict[str, str]:
        return {}

    def steps(self, options: dict[str, Any]) -> list[Step]:
        return [step("a", "fact"), step("b", failed("closed", "open it with …"))]

    def explain(self, error: BaseException, options: dict[str, Any]) -> Problem:
        raise AssertionError


def test_a_terminal_without_unicode_gets_plain_marks() -> None:
    written = BytesIO()
    out = TextIOWrapper(written, encoding="ascii")
    with pytest.raises(SystemExit) as end:
        call_command(Examined(stdout=out), no_color=True)
    out.flush()
    assert end.value.code == 2
    assert written.getvalue().decode().splitlines()[:3] == [
        "+ a           fact",
        "X b           closed",
        "              -> open it with ?",
    ]


def test_json_has_every_step_and_the_exit_code() -> None:
    results = list(walk([step("a", failed("closed", "open it")), step("b", needs=("a",))]))
    data = as_data({"database": "default"}, results)
    assert (data["database"], data["outcome"], data["exit_code"]) == ("default", "failed", 2)
    assert [each["outcome"] for each in data["steps"]] == ["failed", "not tried"]
    assert data["steps"][0]["problems"] == [{"outcome": "failed", "text": "closed", "remedy": "open it"}]
    assert summary(results)

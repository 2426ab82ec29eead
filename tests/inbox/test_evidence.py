"""Whose fault a failure is: the event's, or that of what its handler needs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from inbox.holding.evidence import LONGEST, Assessment, Evidence

Step = Callable[[Evidence], object]


def fails(key: str, *, suspicious: bool = False, event: str = "", handler: str = "h") -> Step:
    return lambda evidence: evidence.failed(handler, key, event or f"{key}-1", suspicious=suspicious)


def succeeds(handler: str = "h") -> Step:
    return lambda evidence: evidence.succeeded([handler])


def forget(event: str) -> Step:
    return lambda evidence: evidence.forget(event)


def after(*steps: Step) -> Assessment:
    """The judgement on the last step."""
    evidence = Evidence(lambda: 0.0)
    judgements = [step(evidence) for step in steps]
    assert isinstance(judgements[-1], Assessment)
    return judgements[-1]


@pytest.mark.parametrize(
    ("steps", "against", "outage"),
    [
        pytest.param([fails("a")], False, False, id="an error of the network, once"),
        pytest.param([fails("a"), fails("a")], False, False, id="the same one again, and nothing else"),
        pytest.param([fails("a"), succeeds(), fails("a")], True, False, id="another event succeeded"),
        pytest.param([succeeds(), fails("a")], False, False, id="one succeeded before, not since"),
        pytest.param([fails("a"), succeeds("g"), fails("a")], False, False, id="with another handler"),
        pytest.param([fails("a", suspicious=True)], True, False, id="a bug counts at once"),
        pytest.param([fails("a"), fails("b")], False, False, id="two keys"),
        pytest.param([fails("a"), fails("b"), fails("c")], False, True, id="three keys"),
        pytest.param(
            [fails("a"), fails("b"), fails("b", event="b-2")], False, False, id="two events of a key"
        ),
        pytest.param([fails(key, suspicious=True) for key in "abc"], False, True, id="a broken deploy"),
        pytest.param([fails("a"), fails("b"), succeeds(), fails("c")], False, False, id="not in a row"),
        pytest.param([*[fails(key) for key in "abc"], succeeds(), fails("a")], True, False, id="it is over"),
        pytest.param([fails("a"), succeeds(), forget("a-1"), fails("a")], False, False, id="a new beginning"),
        pytest.param([fails("a"), succeeds(), fails("a"), fails("a")], False, False, id="no success since"),
    ],
)
def test_whose_fault_it_is(steps: list[Step], against: bool, outage: bool) -> None:
    judgement = after(*steps)
    assert (judgement.against, judgement.outage) == (against, outage)


def test_pauses_grow_and_begin_again_after_a_success() -> None:
    evidence = Evidence(lambda: 0.0)
    pauses = [evidence.failed("h", "a", "a-1", suspicious=False).pause for _ in range(7)]
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, LONGEST]
    evidence.succeeded(["h"])
    assert evidence.failed("h", "a", "a-1", suspicious=False).pause == 0.25


def test_a_handler_in_an_outage_is_due_after_its_pause() -> None:
    now = 0.0
    evidence = Evidence(lambda: now)
    for key in "abc":
        pause = evidence.failed("h", key, key, suspicious=False).pause
    assert not evidence.due("h")
    now += pause
    assert evidence.due("h")


def test_an_outage_is_of_one_handler_until_it_succeeds() -> None:
    evidence = Evidence(lambda: 0.0)
    for key in "abc":
        evidence.failed("h", key, key, suspicious=False)
    assert (evidence.in_outage(), evidence.all_in_outage(["h"]), evidence.all_in_outage(["h", "g"])) == (
        {"h"},
        True,
        False,
    )
    assert not evidence.all_in_outage([]), "a consumer without handlers has no outage"
    assert evidence.succeeded(["g", "h"]) == {"h"}
    assert evidence.succeeded(["h"]) == set(), "its end is reported once"
    assert evidence.in_outage() == set()


def test_successes_count_only_of_handlers_that_failed() -> None:
    evidence = Evidence(lambda: 0.0)
    assert not evidence
    evidence.succeeded(["h"])
    assert not evidence
    evidence.note("h")
    assert evidence

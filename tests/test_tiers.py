"""The tiers: which test belongs to which, and that a unit test starts nothing."""

from __future__ import annotations

import socket
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import django.test
import pytest

from tests import tiers
from tests.sealed import NotAUnitTest, sealed


def item(nodeid: str, *fixtures: str, cls: type | None = None, markers: tuple[str, ...] = ()) -> Any:
    """A collected test, as far as the tiers look at one."""
    marks = list(markers)
    return SimpleNamespace(
        nodeid=nodeid,
        fixturenames=fixtures,
        cls=cls,
        get_closest_marker=lambda name: name if name in marks else None,
        add_marker=marks.append,
        marks=marks,
    )


@pytest.mark.parametrize(
    ("test", "tier"),
    [
        (item("tests/relay/test_in_flight.py::test_a"), "unit"),
        (item("tests/relay/test_log.py::test_a", "writer", "transactional_db"), "integration"),
        (item("tests/outbox/test_emit.py::test_a", markers=("django_db",)), "integration"),
        (item("tests/outbox/test_emit.py::T::test_a", cls=django.test.TestCase), "integration"),
        (item("tests/outbox/test_emit.py::T::test_a", cls=django.test.SimpleTestCase), "unit"),
        (item("tests/devstack/test_up.py::test_a"), "acceptance"),
        (item("tests/devstack/test_ports.py::test_a", markers=("unit",)), "unit"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.nodeid,
)
def test_a_test_belongs_to_the_tier_of_what_it_uses(test: Any, tier: str) -> None:
    tiers.assign([test])
    assert tier in test.marks
    assert len(tiers.TIERS.keys() & test.marks) == 1


def test_quick_tests_run_first() -> None:
    long = item("tests/torture/test_torture.py::test_a", markers=("acceptance",))
    middle = item("tests/relay/test_log.py::test_a", markers=("integration",))
    quick = item("tests/relay/test_in_flight.py::test_a", markers=("unit",))
    items = [middle, long, quick]
    tiers.arrange(items)
    assert items == [quick, middle, long]


def test_a_unit_test_that_starts_a_process_fails() -> None:
    with sealed("this test"), pytest.raises(NotAUnitTest, match="this test is a unit test"):
        subprocess.run([sys.executable, "-c", ""], check=True)


def test_a_unit_test_that_connects_fails() -> None:
    with sealed("this test"), socket.socket() as mine, pytest.raises(NotAUnitTest, match="connect"):
        mine.connect(("127.0.0.1", 9))

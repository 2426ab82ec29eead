"""Which tier a test belongs to, and in which order the tiers run.

``unit`` starts nothing and connects to nothing. ``integration`` uses PostgreSQL or Kafka from this process.
``acceptance`` starts whole processes. A test that carries one of these markers keeps it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import pairwise

import django.test
import pytest

TIERS = {
    "unit": "starts nothing, connects to nothing; takes milliseconds",
    "integration": "uses PostgreSQL or Kafka from within the test process",
    "acceptance": "starts whole processes: commands, servers, the demo, the torture suite",
}
ONLY_UNIT = "TESTS_ONLY_UNIT"
SERVICES = {
    "_django_db_helper",
    "db",
    "transactional_db",
    "postgres",
    "kafka_bootstrap",
    "services",
    "broker",
}
"""Fixtures of a service. Tests of fixtures that use one are found through it."""
CONNECTED = {
    "tests/core/doctor/test_kafka_steps.py",
    "tests/core/doctor/test_network.py",
    "tests/core/test_http.py",
    "tests/inbox/test_sources.py",
    "tests/publishers/test_doctor.py",
    "tests/publishers/test_doctor_tls.py",
    "tests/publishers/test_kafka_python.py::test_what_is_given_up",
    "tests/publishers/test_reasons.py",
    "tests/torture/test_proxy.py",
}
"""Beginnings of the ids of tests that connect to something without a fixture that says so."""
WHOLE_PROCESSES = {
    "tests/browser/",
    "tests/admin/test_commands.py::test_a_database_that_is_not_there_is_one_clear_message",
    "tests/core/doctor/test_unloaded.py",
    "tests/core/test_probe.py::test_the_probe_imports_no_django",
    "tests/core/test_probe.py::test_a_probe_with_the_usual_arguments_needs_no_argparse",
    "tests/core/test_ending.py",
    "tests/core/test_stopping.py",
    "tests/demo/test_processes.py",
    "tests/demo/test_revival.py",
    "tests/demo/test_sabotage.py",
    "tests/demo/test_whole_demo.py",
    "tests/devstack/",
    "tests/game_day/",
    "tests/docs/test_pages.py",
    "tests/docs/test_reference.py::test_every",
    "tests/outbox/test_projects.py",
    "tests/packaging/",
    "tests/people/test_terminal.py::test_a_reader_who_leaves_is_no_error",
    "tests/test_readme.py",
    "tests/inbox/test_commands.py::test_a_database_that_is_not_there_is_one_line",
    "tests/inbox/test_run_consumer.py",
    "tests/inbox/test_seek_processes.py",
    "tests/relay/test_fairness.py::test_a_signal_at_any_moment",
    "tests/relay/test_run_relay",
    "tests/shop/test_production.py",
    "tests/torture/inbox/",
    "tests/torture/test_fleet.py",
    "tests/torture/test_torture.py",
}
"""Beginnings of the ids of tests that start processes."""


def assign(items: Iterable[pytest.Item]) -> None:
    """Give every test without a tier the marker of its own."""
    for item in items:
        if not any(item.get_closest_marker(tier) for tier in TIERS):
            item.add_marker(tier_of(item))


def tier_of(item: pytest.Item) -> str:
    """The tier of a test that carries no marker of one."""
    if item.nodeid.startswith(tuple(WHOLE_PROCESSES)):
        return "acceptance"
    return "integration" if _uses_a_service(item) else "unit"


def _uses_a_service(item: pytest.Item) -> bool:
    if item.get_closest_marker("django_db") or item.nodeid.startswith(tuple(CONNECTED)):
        return True
    cls = getattr(item, "cls", None)
    if cls is not None and issubclass(cls, django.test.TransactionTestCase):
        return True
    return not SERVICES.isdisjoint(getattr(item, "fixturenames", ()))


def arrange(items: list[pytest.Item]) -> None:
    """Quick tests first."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    return next((rank for rank, tier in enumerate(TIERS) if item.get_closest_marker(tier)), 0)


def only_unit(pluginmanager: pytest.PytestPluginManager) -> bool:
    """Whether this run, or the one that this is a worker of, was asked for unit tests: ``-m unit``."""
    if run := os.environ.get(ONLY_UNIT):
        return run == "yes"
    config = pluginmanager.get_plugin("pytestconfig")
    arguments = list(config.invocation_params.args) if config else []
    asked = any(pair == ("-m", "unit") for pair in pairwise(arguments)) or "-munit" in arguments
    os.environ[ONLY_UNIT] = "yes" if asked else "no"
    return asked

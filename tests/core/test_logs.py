"""What the two commands make of a project's LOGGING: the end of an outage is logged wherever its begin is."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from outbox_core.process.logs import set_up


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    before = {name: logging.getLogger(name).level for name in ("relay", "inbox", "kafka")}
    for name in before:
        logging.getLogger(name).setLevel(logging.NOTSET)
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("name", ["relay", "inbox"])
@pytest.mark.parametrize(("theirs", "ours"), [(logging.NOTSET, logging.INFO), (logging.ERROR, logging.ERROR)])
def test_level_is_info_unless_the_project_has_set_one(name: str, theirs: int, ours: int) -> None:
    assert logging.getLogger().handlers, "the project has a root handler; here it is pytest's"
    logging.getLogger(name).setLevel(theirs)
    set_up(name, 1)
    assert logging.getLogger(name).level == ours


@pytest.mark.parametrize(
    ("verbosity", "heard"),
    [(0, None), (1, None), (2, logging.WARNING), (3, logging.DEBUG)],
)
def test_the_kafka_client_is_heard_only_when_asked_for(verbosity: int, heard: int | None) -> None:
    set_up("relay", verbosity)
    client = logging.getLogger("kafka.client")
    levels = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
    assert next((level for level in levels if client.isEnabledFor(level)), None) == heard


def test_a_level_that_the_project_gives_the_client_stays() -> None:
    logging.getLogger("kafka").setLevel(logging.INFO)
    set_up("inbox", 1)
    assert logging.getLogger("kafka").level == logging.INFO

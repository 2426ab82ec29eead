"""What run_consumer makes of a project's LOGGING: the end of an outage must be told wherever its begin is."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from inbox.management.commands.run_consumer import _log_to_stderr

LOGGERS = ("inbox", "kafka")


@pytest.fixture
def levels() -> Iterator[None]:
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize(("theirs", "ours"), [(logging.NOTSET, logging.INFO), (logging.ERROR, logging.ERROR)])
def test_level_of_the_inbox_is_info_unless_the_project_says_otherwise(
    levels: None, theirs: int, ours: int
) -> None:
    assert logging.getLogger().handlers, "the project has a root handler; here it is pytest's"
    logging.getLogger("inbox").setLevel(theirs)
    _log_to_stderr(1)
    assert logging.getLogger("inbox").level == ours

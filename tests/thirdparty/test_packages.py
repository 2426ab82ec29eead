"""The recipes of docs/how-to/third-party-signals.md with Wagtail and Oscar, where they are installed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest


def run(package: str, database: str) -> tuple[Any, str]:
    """What the program printed, and its log."""
    pytest.importorskip(package, reason=f"{package} is not installed: pip install -e '.[thirdparty]'")
    command = [sys.executable, "-W", "ignore", "-m", "tests.thirdparty.program", package, database]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout), process.stderr


def test_of_wagtail_the_published_title_is_the_committed_one(database: str) -> None:
    seen, log = run("wagtail", database)
    assert seen == {
        "drafted": ["Published title"],
        "published": ["Published title", "SECRET DRAFT"],
        "signalled": 2,
    }
    assert "publish_page_revision.py" in log, "where the signal is sent outside a transaction"


def test_of_oscar_status_and_event_are_one_transaction_with_the_recipe(database: str) -> None:
    seen, log = run("oscar", database)
    assert seen == {"unsafe": "shipped", "safe": "paid", "published": ["paid", "shipped"]}
    assert "abstract_models.py" in log, "where the signal is sent outside a transaction"

"""Each problem that a person can be told of has a page, and everything that tells of it leads there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from docsite.reference.actions import found
from outbox_core.operations.runbook import OF_ACTIONS, SITE, Runbook
from tests.docs.examples import ROOT
from tests.docs.test_monitoring import RULES

PAGES = ROOT / "docs" / "runbooks"
STATUSES = ("outbox/status", "inbox/status", "outbox_core/operations")


def test_each_runbook_has_a_page_that_says_what_to_do_and_when_it_is_over() -> None:
    pages = {path.stem: path.read_text("utf-8") for path in PAGES.glob("*.md") if path.stem != "README"}
    assert set(pages) == set(Runbook)
    for name, text in pages.items():
        assert "\n## What to do\n\n1. " in text, name
        assert "\n## When it is over\n" in text, name


@pytest.mark.parametrize("folder", STATUSES)
def test_each_problem_of_a_status_has_a_runbook(folder: str) -> None:
    calls = [
        (path, call)
        for path in sorted(Path(ROOT, folder).rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Problem"
    ]
    assert calls
    without = [f"{path.name}:{call.lineno}" for path, call in calls if "runbook" not in arguments(call)]
    assert without == []


def arguments(call: ast.Call) -> set[str | None]:
    return {each.arg for each in call.keywords}


def test_each_alert_leads_to_a_runbook() -> None:
    urls = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in RULES}
    known = {book.url for book in Runbook}
    assert {name: url for name, url in urls.items() if url not in known} == {}


def test_each_action_with_a_runbook_is_logged() -> None:
    logged = {action.name for package in ("relay", "inbox", "outbox_core") for action in found(package)}
    assert set(OF_ACTIONS) <= logged
    assert SITE.startswith("https://")

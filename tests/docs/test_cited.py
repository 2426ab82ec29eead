"""What pages name exists: tests, files, log actions, checks, settings, commands, faults."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.conftest import Reference
from tests.docs.examples import PAGES as WITH_EXAMPLES
from tests.docs.examples import ROOT
from tests.torture.faults import FAULTS
from tests.torture.inbox.faults import FAULTS as OF_CONSUMERS

PAGES = [*WITH_EXAMPLES, ROOT / "CHANGELOG.md", ROOT / "SECURITY.md"]
FOLDERS = "outbox|outbox_core|relay|inbox|shop|consumers|devstack|tests|docs|docsite|demo|deploy|benchmarks"
APPS = ("kafka", "outbox", "relay", "inbox")
SETTINGS = {
    "KafkaSettings": "KAFKA",
    "OutboxSettings": "OUTBOX",
    "RelaySettings": "RELAY",
    "ConsumerSettings": "CONSUMER",
    "Settings": "INBOX",
}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
RENAMED = {"inbox_requeue"}
"""Commands that the changelog names because they are gone."""


def test_tests_exist() -> None:
    named = set(cited(r"[` ](tests/[\w/]+\.py(?:::\w+)+)`"))
    assert len(named) > 100
    assert [f"{page}: {test}" for page, test in sorted(named) if not is_test(test)] == []


def test_files_exist() -> None:
    named = set(cited(rf"`((?:{FOLDERS})/[\w./-]*)`"))
    assert [f"{page}: {path}" for page, path in sorted(named) if not (ROOT / path).exists()] == []


def test_links_of_pages_in_the_root_lead_to_files() -> None:
    pages = [page for page in PAGES if page.parent == ROOT]
    links = cited(r"\]\((?!https?:|#|mailto:)([^)\s#]+)[^)]*\)", pages)
    assert [f"{page}: {path}" for page, path in links if not (ROOT / path).exists()] == []


@pytest.mark.acceptance
def test_log_actions_permissions_and_public_names_exist(reference: Reference) -> None:
    known = {name for found in reference["actions"].values() for name, _, _ in found}
    known |= {f"{app}.{name}" for app in ("outbox", "inbox") for name in reference["permissions"]}
    named = set(cited(r"`((?:relay|inbox|outbox)\.[a-z_]+)`"))
    assert [f"{page}: {name}" for page, name in sorted(named) if name not in known | defined(name)] == []


@pytest.mark.acceptance
def test_checks_exist(reference: Reference) -> None:
    of_settings = {f"{app}.{number}" for app in APPS for number in reference["numbers"]}
    named = set(cited(r"`((?:relay|inbox|outbox|kafka)\.[EWIC]\d{3})`"))
    assert [
        f"{page}: {id_}" for page, id_ in named if id_ not in of_settings | set(reference["checks"])
    ] == []


@pytest.mark.acceptance
def test_settings_exist(reference: Reference) -> None:
    known = {
        (SETTINGS[cls], field.upper()) for cls, fields in reference["settings"].items() for field in fields
    }
    pages = [page for page in PAGES if page.name != "CHANGELOG.md"]  # it names what is gone
    named = cited(r"((?:OUTBOX|RELAY|INBOX|KAFKA)\[\"\w+\"\])", pages)
    assert [f"{page}: {text}" for page, text in named if tuple(re.findall(r"\w+", text)) not in known] == []


@pytest.mark.acceptance
def test_commands_and_tables_exist(reference: Reference) -> None:
    known = {*reference["commands"], *reference["tables"], *reference["metrics"], *RENAMED}
    named = set(cited(r"`((?:outbox|inbox|run)_[a-z_]+)[` ]"))
    missing = {(page, name) for page, name in named if not is_known(name, known)}
    assert [f"{page}: {name}" for page, name in sorted(missing)] == []


def is_known(name: str, known: set[str]) -> bool:
    """A command, a table, a sequence, a package, or the beginning of several."""
    return (
        name in known
        or name.endswith(("_seq", "_"))
        or name in {"outbox_core", "outbox_events"}  # the package, the fixture
    )


def test_faults_exist() -> None:
    page = ROOT / "docs" / "explanation" / "guarantees.md"
    known = {*FAULTS, *OF_CONSUMERS}
    named = {
        name
        for faults in re.findall(r"Torture[^:|]*:\*? ([^*|.]*)", page.read_text(encoding="utf-8"))
        for name in re.findall(r"`([a-z][a-z-]+)`", faults)
    }
    assert len(named) > 40
    places = {name.partition("-")[2] for name in known}  # of "`kill-…` at `mid-batch`"
    assert named - known - places == set()


def cited(pattern: str, pages: list[Path] = PAGES) -> Iterator[tuple[str, str]]:
    """What a pattern finds, with the page it is on."""
    for page in pages:
        for found in re.findall(pattern, page.read_text(encoding="utf-8")):
            yield str(page.relative_to(ROOT)), found


def is_test(cited_id: str) -> bool:
    """Whether the file has a function at that place, inside classes if the id names them."""
    path, *names = cited_id.split("::")
    if not (ROOT / path).is_file():
        return False
    body: list[ast.stmt] = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    for name in names:
        inside = [node for node in body if isinstance(node, DEFINITIONS) and node.name == name]
        if not inside:
            return False
        body = inside[0].body
    return True


def defined(name: str) -> set[str]:
    """The name itself, if it is one of a package's or a module."""
    package, _, attribute = name.partition(".")
    return {name} if hasattr(import_module(package), attribute) or find_spec(name) is not None else set()

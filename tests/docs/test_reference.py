"""The reference follows the code: nothing is missing, nothing is empty."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docsite.links import broken
from tests.docs.conftest import Reference
from tests.docs.examples import ROOT


def source(*packages: str) -> str:
    """The Python code of packages and modules."""
    paths = [
        path
        for package in packages
        for path in ([ROOT / package] if package.endswith(".py") else sorted((ROOT / package).rglob("*.py")))
    ]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def page(reference: Reference, name: str) -> str:
    return str(reference["pages"][f"reference/{name}.md"])


def test_every_id_of_a_check_in_the_code_is_on_the_page(reference: Reference) -> None:
    ids = set(
        re.findall(
            r"\"((?:outbox|relay|inbox|outbox_core)\.[EWIC]\d{3})\"", source("outbox", "relay", "inbox")
        )
    )
    assert ids
    assert ids <= set(reference["checks"])
    assert [each for each, messages in reference["checks"].items() if not all(map(said, messages))] == []


def said(check: list[str]) -> bool:
    """Whether message and remedy are more than what is filled in."""
    return all(re.sub(r"<[^<>]*>", "", text).strip(" .") for text in check)


def test_every_command_and_every_argument_has_a_help(reference: Reference) -> None:
    files = {
        path.stem for app in ("outbox", "relay", "inbox") for path in (ROOT / app).rglob("commands/[a-z]*.py")
    }
    assert files == set(reference["commands"])
    silent = [
        (name, argument)
        for name, arguments in reference["commands"].items()
        for argument, said in arguments
        if not said
    ]
    assert silent == []


def test_every_action_that_is_logged_is_on_the_page(reference: Reference) -> None:
    assert reference["actions"]["relay"]
    assert reference["actions"]["inbox"]
    text = page(reference, "log-actions")
    for actions in reference["actions"].values():
        assert [name for name, _, _ in actions if f"`{name}`" not in text] == []


def test_every_metric_that_is_declared_is_on_the_page(reference: Reference) -> None:
    declaring, on_page = reference["metric modules"]
    assert declaring == on_page
    text = page(reference, "metrics")
    assert [name for name in reference["metrics"] if f"| `{name}` |" not in text] == []


@pytest.mark.acceptance
def test_actions_have_the_levels_and_the_words_of_their_lines(reference: Reference) -> None:
    found = [tuple(action) for actions in reference["actions"].values() for action in actions]
    levels = {"DEBUG", "INFO", "WARNING", "ERROR"}
    assert [name for name, level, _ in found if not set(level.split(" or ")) <= levels or not level] == []
    assert [name for name, _, message in found if re.search(r"%[sdr.]|<[A-Z_]+>|<message>", message)] == []
    assert ("relay.state_changed", "INFO", "State: <value>.") in found
    (topic,) = [level for name, level, message in found if "Holding topic" in message]
    assert topic == "INFO or ERROR"


def test_every_header_of_a_record_has_a_meaning(reference: Reference) -> None:
    assert {"ce_id", "ce_dataversion", "ce_replay", "content-type"} <= set(reference["headers"])
    assert set(reference["headers"]) == set(reference["meanings"])


def test_every_setting_and_every_table_is_on_its_page(reference: Reference) -> None:
    settings, tables = page(reference, "settings"), page(reference, "tables")
    for fields in reference["settings"].values():
        assert [name for name in fields if f"| `{name.upper()}` |" not in settings] == []
    names = set(re.findall(r"db_table = \"(\w+)\"", source("outbox", "inbox")))
    assert re.findall(r"^## (\w+)$", tables, re.MULTILINE) == sorted(names)
    assert "`NAME`" not in settings  # of a consumer: the key of its dictionary


@pytest.mark.acceptance
def test_signals_and_middleware_are_public(reference: Reference) -> None:
    api = page(reference, "api")
    for app in ("relay", "inbox"):
        signals = re.findall(r"^(\w+) = Signal\(\)", source(f"{app}/signals.py"), re.MULTILINE)
        assert signals
        assert [name for name in signals if f"### {name}\n" not in api] == []
    assert "### OutboxMiddleware\n" in api


def test_type_variables_are_not_public(reference: Reference) -> None:
    """Python's own text about them has thousands of words."""
    assert "Type variable" not in page(reference, "api")


def test_every_setting_has_a_meaning(reference: Reference) -> None:
    silent = [
        f"{cls}.{name}"
        for cls, fields in reference["settings"].items()
        for name, said in fields.items()
        if not said
    ]
    assert silent == []


def test_a_link_that_leads_nowhere_and_a_foreign_script_are_found(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        '<h1 id="top">x</h1><a href="#top">fine</a><a href="gone.html">x</a><a href="#none">x</a>'
        '<a href="https://example.org">fine</a><script src="https://cdn.example.org/x.js"></script>'
    )
    assert broken(tmp_path) == [
        "index.html: https://cdn.example.org/x.js is fetched from another host",
        "index.html: gone.html leads nowhere",
        "index.html: #none leads nowhere",
    ]

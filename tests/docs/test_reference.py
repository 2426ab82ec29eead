"""The reference follows the code: nothing is missing, nothing is empty."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from docsite.links import broken
from tests.docs.examples import PAGES, ROOT

DUMP = """
import json, os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "docsite.settings"
django.setup()
from docsite import pages
from docsite.reference import actions, checks, commands, settings, wire
from docsite.settings import PACKAGES
print(json.dumps({
    "pages": pages.generated(),
    "settings": {cls.__name__: settings.described(cls) for cls in settings.classes()},
    "commands": {
        name: [(action.dest, action.help) for action in commands.arguments(name, command)]
        for name, command in commands.commands().items()
    },
    "checks": checks.found(),
    "actions": {package: [each.name for each in actions.found(package)] for package in PACKAGES},
    "headers": sorted(wire.found()),
    "meanings": sorted(wire.MEANING),
}))
"""

Reference = dict[str, Any]


@pytest.fixture(scope="module")
def reference() -> Reference:
    """What the generator finds, in a process with settings of its own."""
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-c", DUMP], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    found: Reference = json.loads(done.stdout)
    return found


def source(*packages: str) -> str:
    """The Python code of packages."""
    paths = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
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
    assert [each for each, (message, _) in reference["checks"].items() if not message] == []


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
        assert [name for name in actions if f"`{name}`" not in text] == []


def test_every_header_in_the_code_has_a_meaning(reference: Reference) -> None:
    assert {"ce_id", "ce_type", "content-type"} <= set(reference["headers"]) <= set(reference["meanings"])


def test_every_setting_and_every_table_is_on_its_page(reference: Reference) -> None:
    settings, tables = page(reference, "settings"), page(reference, "tables")
    for fields in reference["settings"].values():
        assert [name for name in fields if f"| `{name.upper()}` |" not in settings] == []
    names = set(re.findall(r"db_table = \"(\w+)\"", source("outbox", "inbox")))
    assert [name for name in names if f"## {name}\n" not in tables] == []


def test_every_setting_has_a_meaning(reference: Reference) -> None:
    silent = [
        f"{cls}.{name}"
        for cls, fields in reference["settings"].items()
        for name, said in fields.items()
        if not said
    ]
    assert silent == []


def test_files_that_a_page_names_exist() -> None:
    folders = "outbox|outbox_core|relay|inbox|shop|consumers|devstack|tests|docs|docsite|demo|benchmarks"
    path = re.compile(rf"`((?:{folders})/[\w./-]*)`")
    missing = [
        f"{each.name}: {name}"
        for each in PAGES
        for name in path.findall(each.read_text(encoding="utf-8"))
        if not (ROOT / name).exists()
    ]
    assert missing == []


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

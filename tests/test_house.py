"""Imports point one way, and what must stay in one place does."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.torture.guards import GUARDS

ROOT = Path(__file__).resolve().parents[1]
PROJECT = {
    "outbox_core",
    "outbox",
    "relay",
    "inbox",
    "shop",
    "consumers",
    "devstack",
    "demo",
    "tests",
    "benchmarks",
}
MAY_IMPORT = {
    "outbox_core": set(),
    "outbox": {"outbox_core"},
    "relay": {"outbox", "outbox_core"},
    "inbox": {"outbox_core"},
    "shop": {"outbox"},
    "consumers": {"inbox"},
    "devstack": set(),
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The names of the modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package: str) -> None:
    allowed = MAY_IMPORT[package] | {package}
    strays = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules(package)
        for name in imported(path)
        if name.partition(".")[0] in PROJECT - allowed
    }
    assert not strays


def test_consumers_do_not_know_each_other() -> None:
    services = ("crm", "analytics", "notifications")
    for service in services:
        others = tuple(f"consumers.{other}" for other in services if other != service)
        paths = modules(f"consumers/{service}")
        assert not [path for path in paths if any(name.startswith(others) for name in imported(path))]


def test_kafka_clients_are_imported_in_publishers_and_in_the_inbox_only() -> None:
    strays = {
        str(path.relative_to(ROOT))
        for package in ("outbox", "relay", "shop", "consumers")
        for path in modules(package)
        if path.parent != ROOT / "relay" / "publishers"
        and any(name.partition(".")[0] in {"kafka", "confluent_kafka"} for name in imported(path))
    }
    assert not strays


def test_only_settings_read_the_environment() -> None:
    strays = {
        str(path.relative_to(ROOT))
        for package in ("outbox", "relay", "inbox", "shop", "consumers")
        for path in modules(package)
        if path.name not in {"settings.py", "wsgi.py"}
        and any(word in path.read_text(encoding="utf-8") for word in ("os.environ", "os.getenv", "getenv("))
    }
    assert not strays


GUARANTEES = ROOT / "docs" / "explanation" / "guarantees.md"


def test_tests_that_the_guarantees_name_exist() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)((?:::\w+)+)`", GUARANTEES.read_text(encoding="utf-8")))
    assert len(named) > 50
    missing = [path + names for path, names in named if names.split("::")[-1] not in functions(ROOT / path)]
    assert not missing


def test_guards_on_the_page_are_those_that_are_tried() -> None:
    row = re.compile(r"^\| ([^|]+) \| `(tests/[^`]+)` \|$", re.MULTILINE)
    rows = row.findall(GUARANTEES.read_text(encoding="utf-8"))
    assert rows == [(guard.name, guard.test) for guard in GUARDS]


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

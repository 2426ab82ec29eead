"""Imports point one way, and what must stay in one place does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.torture.guarded import GUARDS

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
        for package in ("outbox_core", "outbox", "relay", "shop", "consumers")
        for path in modules(package)
        if ROOT / "relay" / "publishers" not in path.parents
        and any(name.partition(".")[0] in {"kafka", "confluent_kafka"} for name in imported(path))
    }
    assert not strays


@pytest.mark.parametrize(
    ("library", "module"),
    [
        ("prometheus_client", "outbox_core/metrics/prometheus.py"),
        ("opentelemetry", "outbox_core/tracing.py"),
    ],
)
def test_an_optional_library_is_imported_in_one_module(library: str, module: str) -> None:
    importing = {
        str(path.relative_to(ROOT))
        for package in ("outbox_core", "outbox", "relay", "inbox", "shop", "consumers")
        for path in modules(package)
        if any(name.partition(".")[0] == library for name in imported(path))
    }
    assert importing == {module}


def test_only_settings_read_the_environment() -> None:
    strays = {
        str(path.relative_to(ROOT))
        for package in ("outbox_core", "outbox", "relay", "inbox", "shop", "consumers")
        for path in modules(package)
        if path.name not in {"settings.py", "wsgi.py", "notify.py"}  # systemd gives its socket no other way
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


PUBLIC = ("outbox", "relay", "inbox")


@pytest.mark.parametrize("package", PUBLIC)
def test_a_public_name_means_one_thing(package: str) -> None:
    """``import outbox.emit`` must not turn the function of that name into a module."""
    names = import_module(package).__all__
    assert [name for name in names if find_spec(f"{package}.{name}") is not None] == []
    assert sorted(names) == list(names)


@pytest.mark.parametrize("package", ["outbox_core", *PUBLIC])
def test_errors_live_in_one_module_with_their_tree_at_its_top(package: str) -> None:
    errors = import_module(f"{package}.errors")
    names = {name for name, thing in vars(errors).items() if is_error(thing)}
    tree = re.compile(r"^(?:[│ ]*[├└]── )?([A-Z]\w+)(?:$| {2,})", re.MULTILINE)
    assert names == set(tree.findall(errors.__doc__ or ""))
    # Refused never reaches a caller.
    known = {"outbox/declared/refusal.py: Refused"}
    assert set(errors_outside(package, names)) <= known


def errors_outside(package: str, known: set[str]) -> Iterator[str]:
    """Error classes that another module than ``errors`` defines."""
    for path in set(modules(package)) - {ROOT / package / "errors.py"}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            bases = node.bases if isinstance(node, ast.ClassDef) else []
            if any(is_error_name(ast.unparse(base), known) for base in bases):
                yield f"{path.relative_to(ROOT)}: {node.name}"  # type: ignore[attr-defined]


def is_error(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseException)


def is_error_name(base: str, known: set[str]) -> bool:
    name = base.rpartition(".")[2]
    return name in known or name.endswith(("Error", "Exception")) or name == "ImproperlyConfigured"


@pytest.mark.parametrize("package", sorted(PROJECT))
def test_every_module_says_what_it_is_for(package: str) -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in modules(package)
        if "migrations" not in path.parts and (text := path.read_text(encoding="utf-8")).strip()
        if ast.get_docstring(ast.parse(text)) is None
    ]
    assert silent == []


CHECK_ID = re.compile(r"(outbox|relay|inbox)\.[EWI]\d{3}")


def check_ids(path: Path) -> Iterator[tuple[str, str]]:
    """The ids of a module's system checks, each with the function that has it."""
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Constant) and CHECK_ID.fullmatch(str(node.value)):
                    yield str(node.value), f"{path}: {function.name}"


@pytest.mark.parametrize("package", PUBLIC)
def test_the_id_of_a_system_check_means_one_thing(package: str) -> None:
    """SILENCED_SYSTEM_CHECKS must not silence another one."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / package).rglob("*.py"):
        for id_, place in check_ids(path):
            found.setdefault(id_, set()).add(place)
    assert found
    assert {id_: places for id_, places in found.items() if len(places) > 1} == {}

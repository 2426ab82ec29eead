"""System check: files with receivers or events that nothing imports."""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.core.checks import CheckMessage, Warning

from outbox.discovery import mistakes

_INSTALLED = {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")}
_DECLARING = {"receiver", "event", "Event"}
_NOT_LOADED = {"tests", "migrations", "management"}


def check_unloaded(**kwargs: object) -> list[CheckMessage]:
    """W005: a module of an app declares receivers or events, and nothing imports it."""
    tried = {mistake.module for mistake in mistakes}
    return [
        Warning(
            f"{module} declares receivers or events of the outbox, and nothing imports it.",
            hint="Name it events.py or receivers.py of an installed app, or import it from there.",
            obj=module,
            id="outbox.W005",
        )
        for path, module in _modules()
        if module not in sys.modules and module not in tried and _declares(path)
    ]


def _modules() -> Iterator[tuple[Path, str]]:
    """The files of the project's own apps, with the names of their modules."""
    seen = set()
    for app in apps.get_app_configs():
        folder = Path(app.path)
        if _INSTALLED & {folder, *folder.parents}:
            continue
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if path not in seen and not _NOT_LOADED & set(parts) and not parts[-1].startswith("test"):
                seen.add(path)
                yield path, ".".join((app.name, *parts)).removesuffix(".__init__")


def _declares(path: Path) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    if "outbox" not in text:
        return False
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return False
    packages, names = _imported(tree)
    return any(_is_ours(used, packages, names) for node in ast.walk(tree) for used in _used(node))


def _imported(tree: ast.AST) -> tuple[set[str], set[str]]:
    """The names of the package outbox in this module, and the names imported from it."""
    packages, names = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            packages |= {each.asname or each.name for each in node.names if each.name == "outbox"}
        elif isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("outbox."):
            names |= {each.asname or each.name for each in node.names if each.name in _DECLARING}
    return packages, names


def _used(node: ast.AST) -> Iterator[ast.expr]:
    """The names that are called, used as decorators, or used as base classes."""
    if isinstance(node, ast.Call):
        yield node.func
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield from node.decorator_list
    if isinstance(node, ast.ClassDef):
        yield from node.bases


def _is_ours(used: ast.expr, packages: set[str], names: set[str]) -> bool:
    if isinstance(used, ast.Attribute) and isinstance(used.value, ast.Name):
        return used.value.id in packages and used.attr in _DECLARING
    return isinstance(used, ast.Name) and used.id in names

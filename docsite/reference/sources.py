"""The packages that are shipped, as modules and as syntax trees, wherever their files are."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

from docsite.settings import PACKAGES

ROOT = Path(__file__).resolve().parents[2]
NOT_IMPORTED = {"migrations", "commands", "pytest_plugin"}


@cache
def trees() -> dict[str, ast.Module]:
    """The syntax tree of each module that is shipped, by its dotted name."""
    return {_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in _paths()}


def modules() -> Iterator[ModuleType]:
    """Each shipped module that can be imported alone."""
    for name in trees():
        if NOT_IMPORTED.isdisjoint(name.split(".")):
            yield importlib.import_module(name)


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument of a call."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def text(node: ast.expr | None) -> str:
    """A string for readers: values that are filled in are in angle brackets."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(text(value) for value in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return text(left) + text(right)
        case ast.FormattedValue(value=value):
            return f"<{ast.unparse(value)}>"
        case None:
            return ""
    return f"<{ast.unparse(node)}>"


def _paths() -> list[Path]:
    return [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

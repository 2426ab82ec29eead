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


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument of a call."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def assigned(name: str, node: ast.expr, tree: ast.AST) -> ast.expr | None:
    """What a name has at a node: what its function assigned last before it, or else what the module did."""
    function = function_of(node, tree)
    above = [
        each
        for each in ast.walk(function or ast.Module([], []))
        if isinstance(each, ast.Assign)
        and ast.unparse(each.targets[0]) == name
        and each.lineno <= node.lineno
    ]
    return max(above, key=lambda each: each.lineno).value if above else constant(name, tree)


def constant(name: str, tree: ast.AST) -> ast.expr | None:
    """What a module assigns to a name."""
    assignments = (each for each in getattr(tree, "body", ()) if isinstance(each, ast.Assign))
    return next((each.value for each in assignments if ast.unparse(each.targets[0]) == name), None)


def function_of(node: ast.expr, tree: ast.AST) -> ast.FunctionDef | None:
    """The function that a node is in."""
    return next((each for each in functions(tree) if any(child is node for child in ast.walk(each))), None)


def _paths() -> list[Path]:
    return [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

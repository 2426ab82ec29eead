"""The page of public names: what __all__ lists, and what may be imported for tests."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from types import ModuleType
from typing import TypeVar

from django.dispatch import Signal

from docsite.reference import markdown, sources, words
from docsite.settings import PACKAGES

HEAD = """# Public API

What is listed here stays as it is within a major version. Everything else may move.
"""
MODULES = ("", ".errors", ".middleware", ".signals", ".testing")


def page() -> str:
    return "\n".join([HEAD, *(_section(module) for module in modules() if list(names(module)))])


def modules() -> Iterator[ModuleType]:
    """The modules that users import from."""
    for package in PACKAGES:
        for name in MODULES:
            if package != "outbox_core" and find_spec(package + name):
                yield importlib.import_module(package + name)


def names(module: ModuleType) -> Iterator[str]:
    """The public names of a module: its ``__all__``, or what it defines and its package does not list."""
    if hasattr(module, "__all__"):
        yield from sorted(module.__all__)
        return
    listed = getattr(sys.modules[module.__name__.partition(".")[0]], "__all__", ())
    for name, value in sorted(vars(module).items()):
        own = isinstance(value, Signal) or getattr(value, "__module__", None) == module.__name__
        if own and name not in listed and not name.startswith("_") and not isinstance(value, TypeVar):
            yield name


def _section(module: ModuleType) -> str:
    below = strings_below(module)
    entries = [_entry(name, getattr(module, name), below) for name in names(module)]
    return "\n".join([f"## {module.__name__}\n", markdown.doc(module), "", *entries])


def strings_below(module: ModuleType) -> dict[str, str]:
    """What stands below each assignment of a module."""
    found: dict[str, str] = {}
    for line, following in pairwise(sources.trees()[module.__name__].body):
        if isinstance(line, ast.Assign) and isinstance(following, ast.Expr):
            found[ast.unparse(line.targets[0])] = words.text(following.value)
    return found


def _entry(name: str, value: object, below: dict[str, str]) -> str:
    said = markdown.doc(below.get(name) or value)
    return f"### {name}\n\n```text\n{name}{_signature(value)}\n```\n\n{said}\n"


def _signature(value: object) -> str:
    if inspect.isclass(value) and issubclass(value, BaseException):
        return f"({value.__base__.__name__})" if value.__base__ else ""
    try:
        return re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(value))) if callable(value) else ""
    except ValueError:
        return ""

"""The page of public names: what __all__ lists, and what may be imported for tests."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType

from docsite.reference import markdown
from docsite.settings import PACKAGES

HEAD = """# Public API

What is listed here stays as it is within a major version. Everything else may move.
"""
MODULES = ("", ".errors", ".testing", ".signals")


def page() -> str:
    return "\n".join([HEAD, *(_section(module) for module in modules() if list(names(module)))])


def modules() -> Iterator[ModuleType]:
    """The modules that users import from."""
    for package in PACKAGES:
        for name in MODULES:
            if package != "outbox_core" and find_spec(package + name):
                yield importlib.import_module(package + name)


def names(module: ModuleType) -> Iterator[str]:
    """The public names of a module: its ``__all__``, or what it defines itself."""
    if hasattr(module, "__all__"):
        yield from sorted(module.__all__)
        return
    for name, value in sorted(vars(module).items()):
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__:
            yield name


def _section(module: ModuleType) -> str:
    entries = [_entry(name, getattr(module, name)) for name in names(module)]
    return "\n".join([f"## {module.__name__}\n", markdown.doc(module), "", *entries])


def _entry(name: str, value: object) -> str:
    return f"### {name}\n\n```text\n{name}{_signature(value)}\n```\n\n{markdown.doc(value)}\n"


def _signature(value: object) -> str:
    if inspect.isclass(value) and issubclass(value, BaseException):
        return f"({value.__base__.__name__})" if value.__base__ else ""
    try:
        return str(inspect.signature(value)) if callable(value) else ""
    except ValueError:
        return ""

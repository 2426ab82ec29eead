"""The page of settings, from the dataclasses that hold them."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from docsite.reference import markdown, sources

HEAD = """# Settings

Each app reads one dictionary of Django's settings. A key is the name of a field in capitals.
`manage.py check` names an unknown key, and suggests the one that was meant.
"""
BOUNDS = {
    "gt": "above {}",
    "ge": "at least {}",
    "lt": "below {}",
    "le": "at most {}",
    "pattern": "matching `{}`",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
}


def page() -> str:
    return "\n".join([HEAD, *(_section(each) for each in classes())])


def classes() -> Iterator[type[Any]]:
    """The dataclasses of settings."""
    for module in sources.modules():
        for name, value in vars(module).items():
            mine = inspect.isclass(value) and value.__module__ == module.__name__
            if mine and name.endswith("Settings") and hasattr(value, "__dataclass_fields__"):
                yield value


def described(cls: type) -> dict[str, str]:
    """What is said of each field: below it, or in a sentence of the class that names it."""
    return {
        field.name: _below(cls).get(field.name) or markdown.naming(cls, field.name) for field in _fields(cls)
    }


def _section(cls: type) -> str:
    said = described(cls)
    hints = get_type_hints(cls, include_extras=True)
    rows = [
        (markdown.code(each.name.upper()), kind(hints[each.name]), _default(each), said[each.name])
        for each in _fields(cls)
    ]
    head = ("Key", "Type", "Default", "Meaning")
    return f"## {_title(cls)}\n\n{markdown.doc(cls)}\n\n{markdown.table(head, rows)}"


def _title(cls: type) -> str:
    """``RELAY`` for RelaySettings, ``INBOX`` for inbox.conf.Settings."""
    return cls.__name__.removesuffix("Settings").upper() or cls.__module__.partition(".")[0].upper()


def _fields(cls: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(cls)


def kind(hint: Any) -> str:
    """A type as a reader needs it."""
    if get_origin(hint) is Annotated:
        inner, *extras = get_args(hint)
        bounds = [
            words.format(value)
            for extra in extras
            if isinstance(extra, msgspec.Meta)
            for name, words in BOUNDS.items()
            if (value := getattr(extra, name)) is not None
        ]
        return ", ".join([kind(inner), *bounds])
    if isinstance(hint, type) and not get_args(hint):
        return hint.__name__
    return re.sub(r"\b[\w.]+\.(\w+)", r"\1", re.sub(r"Annotated\[(\w+), [^\]]*\)\]", r"\1", str(hint)))


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return markdown.code(repr(field.default))
    if field.default_factory is not dataclasses.MISSING:
        return markdown.code(repr(field.default_factory()))
    return "required"


def _below(cls: type) -> dict[str, str]:
    """The strings below the fields of a class."""
    tree = ast.parse(inspect.cleandoc(inspect.getsource(cls)))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    found: dict[str, str] = {}
    for field, following in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(following, ast.Expr):
            found[ast.unparse(field.target)] = markdown.sentence(sources.text(following.value))
    return found

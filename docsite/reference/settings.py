"""The page of settings, from the dataclasses that hold them."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import inspect
import re
import types
import typing
from collections import abc
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, get_args, get_origin, get_type_hints

from docsite.reference import markdown, sources, words

HEAD = """# Settings

Each app reads one dictionary of Django's settings; relay and inbox also read `KAFKA`. `manage.py check`
names an unknown key, and suggests the one that was meant.
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
    below = _below(cls)
    return {
        field.name: _in_capitals(below.get(field.name) or markdown.naming(cls, field.name))
        for field in _fields(cls)
    }


def _in_capitals(text: str) -> str:
    """Names of fields as a project writes them: ``LEASE_SECONDS``."""
    names = {field.name for cls in classes() for field in _fields(cls) if "_" in field.name}
    return re.sub(r"`(\w+)`", lambda match: match[0].upper() if match[1] in names else match[0], text)


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


def _fields(cls: Any) -> list[dataclasses.Field[Any]]:
    """Those that a project can set: a name that is the key of the dictionary is none of them."""
    return [field for field in dataclasses.fields(cls) if not field.metadata.get("from_name")]


def kind(hint: Any) -> str:
    """A type as a reader needs it."""
    inner = get_args(hint)
    if dataclasses.is_dataclass(hint):
        return f"dict as `{_title(hint)}`"  # type: ignore[arg-type]
    match get_origin(hint):
        case typing.Annotated:
            return ", ".join([kind(inner[0]), *_bounds(inner[1:])])
        case typing.Union | types.UnionType:
            return " or ".join("None" if each is types.NoneType else kind(each) for each in inner)
        case typing.Literal:
            return "one of " + ", ".join(markdown.code(each) for each in inner)
        case abc.Mapping:
            return "dict" if inner[1] is Any else f"dict of {kind(inner[1])}"
        case builtins.tuple:
            return "list of str"
    return str(hint.__name__)


def _bounds(extras: tuple[Any, ...]) -> Iterator[str]:
    for extra in extras:
        for name, said in BOUNDS.items():
            if (value := getattr(extra, name)) is not None:
                yield said.format(value)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return markdown.code(repr(field.default))
    if field.default_factory is not dataclasses.MISSING:
        made = field.default_factory()
        return markdown.code({} if dataclasses.is_dataclass(made) else repr(made))
    return "required"


def _below(cls: type) -> dict[str, str]:
    """The strings below the fields of a class."""
    tree = ast.parse(inspect.cleandoc(inspect.getsource(cls)))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    found: dict[str, str] = {}
    for field, following in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(following, ast.Expr):
            found[ast.unparse(field.target)] = markdown.sentence(words.text(following.value))
    return found

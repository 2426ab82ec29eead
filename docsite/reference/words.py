"""Messages of the code as a reader sees them: what is filled in stands as a word in angle brackets."""

from __future__ import annotations

import ast
import re

from docsite.reference import sources

FORMAT = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?[sdrif]")
OF_WHICH = {"label", "name"}
"""Attributes whose owner is the better word for a reader."""


def text(node: ast.expr | None, tree: ast.AST | None = None) -> str:
    """A string of the code. Constants of the module ``tree`` are put in where they are used."""
    match node:
        case None:
            return ""
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return re.sub(r"<(\w+)>\.<\1>", r"<\1>", "".join(text(value, tree) for value in values))
        case ast.BinOp(left=left, op=ast.Add(), right=right) if not isinstance(left, ast.Name):
            return text(left, tree) + text(right, tree)
        case ast.IfExp(body=body, orelse=other):
            return f"{text(body, tree)} / {text(other, tree)}"
        case ast.FormattedValue(value=value):
            return text(value, tree)
        case ast.Name(id=name) if tree is not None and (constant := sources.constant(name, tree)) is not None:
            return text(constant)
    return f"<{word(node)}>"


def filled(message: str, arguments: list[ast.expr], call: ast.Call, tree: ast.AST) -> str:
    """A message of a logger, with a word for each of its arguments, where they can be counted."""
    words = [word(each) for each in _flat(arguments, call, tree)]
    if len(words) != len(FORMAT.findall(message)):
        return FORMAT.sub("…", message)
    given = iter(words)
    return FORMAT.sub(lambda _: f"<{next(given)}>", message)


def word(node: ast.expr) -> str:
    """A word for what is filled in: ``topic`` for ``prefix + event_type.topic``."""
    match node:
        case ast.Name(id=name):
            return name.rstrip("_").replace("_", " ")
        case ast.Attribute(
            attr="__name__" | "__qualname__", value=ast.Call(func=ast.Name(id="type"), args=[of])
        ):
            return f"type of {word(of)}"
        case ast.Attribute(value=value, attr=attr) if attr.startswith("_") or attr in OF_WHICH:
            return word(value)
        case ast.Attribute(attr=attr):
            return attr.rstrip("_").replace("_", " ")
        case ast.Call(func=ast.Attribute(value=ast.Constant()), args=[first, *_]):
            return word(first)
        case ast.Call(func=ast.Attribute(value=value)):
            return word(value)
        case ast.Call(args=[first, *_]):
            return word(first)
        case ast.Subscript(value=value) | ast.FormattedValue(value=value):
            return word(value)
        case ast.BinOp(left=left, right=right):
            return f"{word(left)} + {word(right)}"
        case ast.BoolOp(values=[first, *_]):
            return word(first)
        case ast.IfExp(orelse=other):
            return word(other)
    return "…"


def _flat(arguments: list[ast.expr], call: ast.Call, tree: ast.AST) -> list[ast.expr]:
    """The arguments one by one: also those of ``*(a, b)``, and of ``*words`` that a line above assigns."""
    flat: list[ast.expr] = []
    for each in arguments:
        inner = each.value if isinstance(each, ast.Starred) else None
        if isinstance(inner, ast.Name):
            inner = sources.assigned(inner.id, call, tree)
        flat += _flat(inner.elts, call, tree) if isinstance(inner, ast.Tuple) else [each]
    return flat

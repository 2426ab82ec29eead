"""The page of system checks: id, message and remedy, as the code has them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from docsite.reference import markdown, sources, words

HEAD = """# System checks

`manage.py check` and `manage.py migrate` print these. What is filled in stands in angle brackets. Errors (E)
stop the commands, warnings (W) and notes (I) do not. To silence one, name its id in `SILENCED_SYSTEM_CHECKS`.
"""
IDENTITY = re.compile(r"[a-z_]+\.[EWIC]\d{3}")
TOLD = re.compile(r"\b([EWIC]\d{3})\b((?:,\s[EWIC]\d{3})*):?\s+(.+?)(?=,?\s[EWIC]\d{3}\b|$)")
OF_SETTINGS = """## Settings that cannot be read

Every dictionary of settings is checked in the same way. `<name>` is `kafka`, `outbox`, `relay` or `inbox`.
The message names the key.
"""
FILLED = re.compile(r"<[^<>]*>| at |\.$")


class Check(NamedTuple):
    """What a check prints."""

    message: str
    remedy: str


def page() -> str:
    rows = [
        (markdown.code(identity), markdown.escaped(each.message), markdown.escaped(each.remedy))
        for identity, checks in found().items()
        for each in checks
    ]
    settings = [(markdown.code(f"<name>.{number}"), meaning) for number, meaning in of_settings().items()]
    return "\n".join(
        [
            HEAD,
            markdown.table(("Id", "Message", "Remedy"), rows),
            OF_SETTINGS,
            markdown.table(("Id", "Meaning"), settings),
        ]
    )


def found() -> dict[str, list[Check]]:
    """What the checks with an id of their own print, by id."""
    checks: dict[str, list[Check]] = {}
    for tree in sources.trees().values():
        for call in sources.calls(tree):
            for identity, remedy in _identities(call, tree):
                check = Check(_message(call, identity, tree), _said(remedy, tree))
                if check.message and check not in checks.setdefault(identity, []):
                    checks[identity].append(check)
    return dict(sorted(checks.items()))


def of_settings() -> dict[str, str]:
    """What the checks of every settings dictionary say, whose ids are put together: number -> meaning."""
    meanings: dict[str, str] = {}
    for tree in sources.trees().values():
        for function in sources.functions(tree):
            if function.name == "check_settings":
                meanings |= _told(function)
    return meanings


def _identities(call: ast.Call, tree: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """The ids of the messages that a call makes, each with its remedy."""
    identity = sources.keyword(call, "id")
    if isinstance(identity, ast.Constant) and IDENTITY.fullmatch(words.text(identity)):
        yield words.text(identity), _remedy(call, tree)
    elif isinstance(identity, ast.Name):
        yield from _chosen(call, tree)


def _chosen(call: ast.Call, tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Ids that a function chooses among tuples of a kind, a remedy and an id."""
    for choice in ast.walk(sources.function_of(call, tree) or ast.Module([], [])):
        match choice:
            case ast.Tuple(elts=[*_, remedy, identity]) if IDENTITY.fullmatch(words.text(identity)):
                yield words.text(identity), remedy


def _message(call: ast.Call, identity: str, tree: ast.AST) -> str:
    """The message; if all of it is filled in, what the function or the error says of itself."""
    message = words.text(
        _value(call.args[0] if call.args else sources.keyword(call, "msg"), call, tree), tree
    )
    if FILLED.sub("", message).strip():
        return message
    function = sources.function_of(call, tree)
    told = _told(function) if function is not None else {}
    said = told.get(identity.partition(".")[2]) or _of_error(call, tree)
    return said[:1].upper() + said[1:]


def _told(function: ast.FunctionDef) -> dict[str, str]:
    """What a docstring says of the ids that it names: ``E001 unknown key, E002 wrong type``."""
    said = " ".join((ast.get_docstring(function) or "").split())
    return {number: meaning for number, _, meaning in TOLD.findall(markdown.doc(said))}


def _of_error(call: ast.Call, tree: ast.AST) -> str:
    """What the class of the error that a call reports says of itself, if it is one of ours."""
    for handler in ast.walk(tree):
        if isinstance(handler, ast.ExceptHandler) and any(each is call for each in ast.walk(handler)):
            return _documented(ast.unparse(handler.type) if handler.type else "")
    return ""


def _documented(name: str) -> str:
    """The docstring of one of our classes."""
    for tree in sources.trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name == name:
                return markdown.sentence(ast.get_docstring(node) or "")
    return ""


def _said(remedy: ast.expr | None, tree: ast.AST) -> str:
    text = words.text(remedy, tree)
    return text if FILLED.sub("", text).strip() else "See the message."


def _remedy(call: ast.Call, tree: ast.AST) -> ast.expr | None:
    hint = sources.keyword(call, "hint") or (call.args[1] if len(call.args) > 1 else None)
    return _value(hint, call, tree)


def _value(node: ast.expr | None, call: ast.Call, tree: ast.AST) -> ast.expr | None:
    """What a name was assigned above the call; anything else as it is."""
    return sources.assigned(node.id, call, tree) or node if isinstance(node, ast.Name) else node

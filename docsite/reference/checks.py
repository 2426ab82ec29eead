"""The page of system checks: id, message and remedy, as the code has them."""

from __future__ import annotations

import ast
import re

from docsite.reference import markdown, sources

HEAD = """# System checks

`manage.py check` and `manage.py migrate` print these. What is filled in stands in angle brackets. Errors (E)
stop the commands, warnings (W) and notes (I) do not. To silence one, name its id in `SILENCED_SYSTEM_CHECKS`.
"""
IDENTITY = re.compile(r"^[a-z_]+\.[EWIC]\d{3}$")
TOLD = re.compile(r"\b([EWIC]\d{3})\b:?\s+([^.,]+)")
OF_SETTINGS = """## Settings that cannot be read

Every dictionary of settings is checked in the same way; `<name>` is its name in lower case.
"""


def page() -> str:
    rows = [(markdown.code(identity), message, remedy) for identity, (message, remedy) in found().items()]
    settings = [(markdown.code(f"<name>.{number}"), meaning) for number, meaning in of_settings().items()]
    return "\n".join(
        [
            HEAD,
            markdown.table(("Id", "Message", "Remedy"), rows),
            OF_SETTINGS if settings else "",
            markdown.table(("Id", "Meaning"), settings) if settings else "",
        ]
    )


def found() -> dict[str, tuple[str, str]]:
    """Message and remedy of every check with an id of its own, by id."""
    messages: dict[str, tuple[str, str]] = {}
    for tree in sources.trees().values():
        for call in sources.calls(tree):
            identity = sources.keyword(call, "id")
            if identity is not None and IDENTITY.match(sources.text(identity)):
                messages[sources.text(identity)] = _message(call), _remedy(call, tree)
        for identity_text in _mentioned(tree):
            messages.setdefault(identity_text, (_documented(tree, identity_text), ""))
    return dict(sorted(messages.items()))


def of_settings() -> dict[str, str]:
    """What the checks of every settings dictionary say, whose ids are put together: number -> meaning."""
    return {
        number: meaning
        for tree in sources.trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "check_settings"
        for number, meaning in TOLD.findall(" ".join((ast.get_docstring(node) or "").split()))
    }


def _message(call: ast.Call) -> str:
    message = call.args[0] if call.args else sources.keyword(call, "msg")
    return _escaped(sources.text(message))


def _remedy(call: ast.Call, tree: ast.AST) -> str:
    hint = sources.keyword(call, "hint") or (call.args[1] if len(call.args) > 1 else None)
    if isinstance(hint, ast.Name):
        hint = _assigned(hint.id, call, tree) or hint
    return _escaped(sources.text(hint))


def _assigned(name: str, call: ast.Call, tree: ast.AST) -> ast.expr | None:
    """What was last assigned to a name above a call."""
    above = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == name
        and node.lineno <= call.lineno
    ]
    return max(above, key=lambda node: node.lineno).value if above else None


def _mentioned(tree: ast.AST) -> set[str]:
    """Ids that stand in the code elsewhere than in a call that makes a message."""
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str) and IDENTITY.match(value)}


def _documented(tree: ast.AST, identity: str) -> str:
    """The docstring of the function that knows an id."""
    number = identity.partition(".")[2]
    documented = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    texts = [ast.get_docstring(node) or "" for node in documented]
    return _escaped(next((" ".join(text.split()) for text in texts if number in text), ""))


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;")

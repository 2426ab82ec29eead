"""The page of log actions: from the calls that log with a stable ``action``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from docsite.reference import markdown, sources, words
from outbox_core.operations.runbook import OF_ACTIONS

HEAD = """# Log actions

Every line that a relay or a consumer logs has an `action`, an attribute of the log record. It stays the
same when the sentence changes: filter and alert by it. What is filled in stands in angle brackets, or as
`…`. In lines of the inbox, `<sender>` is the name of the consumer.

A process that ends at once prints one more line to standard error, with the reason and without an action:
`relay: …` or `inbox: …`.

A line that reports a problem has the field `runbook`, the address of the page that says what to do.
"""
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True, order=True)
class Action:
    name: str
    level: str
    message: str


def page() -> str:
    sections = []
    for package in sorted({module.partition(".")[0] for module in sources.trees()}):
        rows = [
            (markdown.code(each.name), each.level, markdown.escaped(each.message), _runbook(each.name))
            for each in sorted(set(found(package)))
        ]
        if rows:
            table = markdown.table(("Action", "Level", "Message", "Runbook"), rows)
            sections.append(f"## {package}\n\n{table}")
    return "\n".join([HEAD, *sections])


def _runbook(action: str) -> str:
    page = OF_ACTIONS.get(action)
    return "" if page is None else f"[{page}](../runbooks/{page}.md)"


def found(package: str) -> Iterator[Action]:
    """The actions of a package."""
    for name, tree in sources.trees().items():
        if name.partition(".")[0] == package:
            loggers = _loggers(name) | set(_imported(tree))
            for call in sources.calls(tree):
                if isinstance(call.func, ast.Name) and call.func.id in loggers:
                    yield _through(call, tree)
                elif isinstance(action := _extra(call), ast.Constant):
                    yield _direct(call, str(action.value), tree)


@cache
def _loggers(module: str) -> frozenset[str]:
    """The functions of a module that take level, action and message, and log them with their arguments."""
    return frozenset(
        function.name
        for function in sources.functions(sources.trees()[module])
        if [argument.arg for argument in function.args.args] == ["level", "action", "message"]
        and any(map(_extra, sources.calls(function)))
    )


def _imported(tree: ast.AST) -> Iterator[str]:
    """Such functions that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in sources.trees():
            yield from (each.name for each in node.names if each.name in _loggers(node.module))


def _extra(call: ast.Call) -> ast.expr | None:
    """The action that a call of the logging module has."""
    extra = sources.keyword(call, "extra")
    if not isinstance(extra, ast.Dict):
        return None
    pairs = zip(extra.keys, extra.values, strict=True)
    return next((value for key, value in pairs if words.text(key) == "action"), None)


def _direct(call: ast.Call, action: str, tree: ast.AST) -> Action:
    """Of ``logger.warning(message, …)``; ``logger.exception`` logs an error with its traceback."""
    assert isinstance(call.func, ast.Attribute)
    level = "ERROR" if call.func.attr == "exception" else call.func.attr.upper()
    return Action(action, level, _message(call.args[0], call.args[1:], call, tree))


def _through(call: ast.Call, tree: ast.AST) -> Action:
    level, action, message, *arguments = call.args
    levels = " or ".join(dict.fromkeys(_levels(level, call, tree)))
    return Action(words.text(action), levels, _message(message, arguments, call, tree))


def _message(node: ast.expr, arguments: list[ast.expr], call: ast.Call, tree: ast.AST) -> str:
    said = sources.assigned(node.id, call, tree) if isinstance(node, ast.Name) else node
    return words.filled(words.text(said, tree), arguments, call, tree)


def _levels(node: ast.expr, call: ast.Call, tree: ast.AST) -> list[str]:
    """Each level that an expression may have, the lowest first."""
    if isinstance(node, ast.Name) and (value := sources.assigned(node.id, call, tree)) is not None:
        return _levels(value, call, tree)
    named = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    return [level for level in LEVELS if level in named]

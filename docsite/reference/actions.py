"""The page of log actions: from the calls that log with a stable ``action``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from docsite.reference import markdown, sources

HEAD = """# Log actions

Every line that a relay or a consumer logs carries an `action`, which stays the same when the sentence is
reworded: filter and alert by it. What is filled in stands as `%s` or in angle brackets.
"""


@dataclass(frozen=True, slots=True)
class Logger:
    """A function that logs: the places of action and message among its arguments, and the prefix."""

    action: int
    message: int
    prefix: str


@dataclass(frozen=True, slots=True, order=True)
class Action:
    name: str
    level: str
    message: str


def page() -> str:
    sections = []
    for package in sorted({module.partition(".")[0] for module in sources.trees()}):
        rows = [
            (markdown.code(each.name), each.level, each.message.replace("<", "&lt;"))
            for each in sorted(set(found(package)))
        ]
        if rows:
            sections.append(f"## {package}\n\n{markdown.table(('Action', 'Level', 'Message'), rows)}")
    return "\n".join([HEAD, *sections])


def found(package: str) -> Iterator[Action]:
    """The actions of a package."""
    for name, tree in sources.trees().items():
        if name.partition(".")[0] == package:
            loggers = _loggers(tree)
            for call in sources.calls(tree):
                yield from _direct(call)
                if isinstance(call.func, ast.Name) and call.func.id in loggers:
                    yield _through(call, loggers[call.func.id], tree)


def _loggers(tree: ast.AST) -> dict[str, Logger]:
    """The functions of a module that pass their parameter ``action`` on to a log record."""
    loggers: dict[str, Logger] = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            names = [argument.arg for argument in function.args.args]
            extras = [action for call in sources.calls(function) if (action := _extra(call)) is not None]
            if extras and {"action", "message"} <= set(names):
                prefix = sources.text(extras[0]).replace("<action>", "")
                loggers[function.name] = Logger(names.index("action"), names.index("message"), prefix)
    return loggers


def _extra(call: ast.Call) -> ast.expr | None:
    """The action that a call of the logging module carries."""
    extra = sources.keyword(call, "extra")
    if not isinstance(extra, ast.Dict):
        return None
    pairs = zip(extra.keys, extra.values, strict=True)
    return next((value for key, value in pairs if sources.text(key) == "action"), None)


def _direct(call: ast.Call) -> Iterator[Action]:
    action = _extra(call)
    if isinstance(action, ast.Constant) and isinstance(call.func, ast.Attribute):
        by_level = call.func.attr == "log"
        level = sources.text(call.args[0]).strip("<>") if by_level else call.func.attr
        yield Action(sources.text(action), _level(level), sources.text(call.args[1 if by_level else 0]))


def _through(call: ast.Call, logger: Logger, tree: ast.AST) -> Action:
    name = logger.prefix + sources.text(call.args[logger.action])
    return Action(name, _level(sources.text(call.args[0])), _message(call.args[logger.message], call, tree))


def _message(node: ast.expr, call: ast.Call, tree: ast.AST) -> str:
    if not isinstance(node, ast.Name):
        return sources.text(node)
    above = [
        each
        for each in ast.walk(tree)
        if isinstance(each, ast.Assign)
        and ast.unparse(each.targets[0]) == node.id
        and each.lineno <= call.lineno
    ]
    return sources.text(max(above, key=lambda each: each.lineno).value if above else node)


def _level(text: str) -> str:
    word = text.strip("<>").rpartition(".")[2].upper()
    return word if word in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"} else "INFO or WARNING"

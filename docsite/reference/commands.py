"""The page of management commands, from their argument parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from django.core.management import BaseCommand, get_commands, load_command_class

from docsite.reference import markdown
from docsite.settings import PACKAGES

HEAD = """# Commands

Every command also takes Django's own options; `manage.py COMMAND --help` lists them all.
"""


def page() -> str:
    return "\n".join([HEAD, *(_section(name, command) for name, command in commands().items())])


def commands() -> dict[str, BaseCommand]:
    """The commands of our apps, by name."""
    ours = {name: app for name, app in get_commands().items() if app in PACKAGES}
    return {name: load_command_class(app, name) for name, app in sorted(ours.items())}


def arguments(name: str, command: BaseCommand) -> Iterator[argparse.Action]:
    """The arguments that a command adds to those of Django."""
    usual = {action.dest for action in BaseCommand().create_parser("manage.py", "x")._actions}
    for action in command.create_parser("manage.py", name)._actions:
        if action.dest not in usual and action.help is not argparse.SUPPRESS:
            yield action


def _section(name: str, command: BaseCommand) -> str:
    rows = [(_name(action), _default(action), _help(action)) for action in arguments(name, command)]
    options = (
        markdown.table(("Argument", "Default", "Meaning"), rows) if rows else "No arguments of its own.\n"
    )
    return f"## {name}\n\n{markdown.doc(command.help)}\n\n{options}"


def _name(action: argparse.Action) -> str:
    takes = action.metavar or ("" if action.nargs == 0 else action.dest.upper())
    if action.choices and action.dest != "database":
        takes = "{" + ", ".join(str(choice) for choice in action.choices) + "}"
    return markdown.code(" ".join([*(", ".join(action.option_strings),), str(takes)]).strip())


def _default(action: argparse.Action) -> str:
    given = action.default not in (None, False, argparse.SUPPRESS, [])
    return markdown.code(action.default) if given else ""


def _help(action: argparse.Action) -> str:
    values = {**vars(action), "prog": "manage.py"}
    return (action.help or "") % values if action.help else ""

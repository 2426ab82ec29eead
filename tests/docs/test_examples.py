"""Examples of the documentation that need no project: they compile, and their commands exist."""

from __future__ import annotations

import json
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.db import connection, transaction

from tests.docs.examples import PAGES, ROOT, Example, commands, examples

LANGUAGES = {"json", "python", "shell", "sql", "text", "toml", "yaml"}
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
KNOWN_PROGRAMS = {
    *("pip", "git", "pg_dump", "pg_upgrade", "psql", "kafka-topics.sh"),
    *("opentelemetry-instrument", "docker", "kubectl", "systemctl", "cp", "install", "eval", "cd"),
}


@pytest.mark.parametrize("example", examples("python"), ids=str)
def test_python_compiles(example: Example) -> None:
    compile(example.code, str(example), "exec")


@pytest.mark.parametrize("example", examples("json"), ids=str)
def test_json_is_json(example: Example) -> None:
    json.loads(example.code)


@pytest.mark.parametrize(("example", "command"), commands(), ids=str)
def test_commands_exist_and_take_these_arguments(example: Example, command: str) -> None:
    program, *arguments = shlex.split(command)
    if program == "make":
        assert {word for word in arguments if "=" not in word} <= TARGETS
    elif arguments[:1] == ["manage.py"]:
        name, *options = arguments[1:]
        parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        known = {option for action in parser._actions for option in action.option_strings}
        assert {option.partition("=")[0] for option in options if option.startswith("-")} <= known
    elif program.endswith("python"):
        assert arguments[0] == "-m"
        assert find_spec(arguments[1]) is not None, f"{example}: {arguments[1]}"
    else:
        assert program in KNOWN_PROGRAMS, f"{example}: {program}"


@pytest.mark.django_db
@pytest.mark.parametrize("example", examples("sql"), ids=str)
def test_statements_run(example: Example) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for role in set(re.findall(r"^GRANT .* TO (\w+);", example.code, re.MULTILINE)):
            cursor.execute(f"CREATE ROLE {role}")
        cursor.execute(example.code)
        transaction.set_rollback(True)


FENCED = re.compile(r"^( *)```.*?^ *```$", re.MULTILINE | re.DOTALL)
LIST_ITEM = re.compile(r" *(?:[*-]|\d+\.) ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_headings_stand_alone(page: Path) -> None:
    """A heading that is glued to a paragraph is shown as text."""
    lines = FENCED.sub("", page.read_text(encoding="utf-8")).split("\n")
    glued = [line for line in lines if re.search(r"\S\s+#{2,6} ", line)]
    for before, line, behind in zip(["", *lines], lines, [*lines[1:], ""], strict=False):
        if re.match(r"#{1,6} ", line) and (before.strip() or behind.strip()):
            glued.append(line)
    assert glued == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_are_indented_only_in_lists(page: Path) -> None:
    """Whoever copies an example would have to take spaces away."""
    text = page.read_text(encoding="utf-8")
    for fence in FENCED.finditer(text):
        code = fence[0].split("\n")[1:-1]
        assert min(map(indent, filter(str.strip, code))) == len(fence[1]), fence[0]
        assert not fence[1] or is_in_list(text[: fence.start()].split("\n"), len(fence[1])), fence[0]


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def is_in_list(before: list[str], column: int) -> bool:
    """Whether what begins in this column, behind these lines, belongs to the item of a list."""
    for line in filter(str.strip, reversed(before)):
        if indent(line) < column:
            if LIST_ITEM.match(line):
                return True
            column = indent(line)
    return False


def test_every_example_is_fenced_and_names_its_language() -> None:
    for page in PAGES:
        fences = re.findall(r"^ *```(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        begins, ends = fences[::2], fences[1::2]
        assert {begin.partition(" ")[0] for begin in begins} <= LANGUAGES, page.name
        assert set(ends) <= {""}, page.name

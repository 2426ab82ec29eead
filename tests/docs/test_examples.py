"""Examples of the documentation that need no project: they compile, and their commands exist."""

from __future__ import annotations

import json
import re
import shlex
from importlib.util import find_spec

import pytest
from django.core.management import get_commands, load_command_class
from django.db import connection, transaction

from tests.docs.examples import PAGES, ROOT, Example, commands, examples

LANGUAGES = {"json", "python", "shell", "sql", "text", "toml", "yaml"}
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
KNOWN_PROGRAMS = {"pip", "git", "pg_dump", "pg_upgrade", "psql", "kafka-topics.sh", "cp", "install", "eval"}
KNOWN_PROGRAMS |= {"docker", "kubectl", "systemctl"}


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


def test_every_example_is_fenced_and_names_its_language() -> None:
    for page in PAGES:
        fences = re.findall(r"^ *```(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        begins, ends = fences[::2], fences[1::2]
        assert {begin.partition(" ")[0] for begin in begins} <= LANGUAGES, page.name
        assert set(ends) <= {""}, page.name

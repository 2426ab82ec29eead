"""What run_relay is not made for ends it at once, with one message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from outbox_core.process.exit_codes import ExitCode
from relay.management.commands.run_relay import Command
from tests.relay.conftest import Writer
from tests.relay.processes import RelayProcess

Writers = Callable[[], Writer]


def exit_code(*arguments: str) -> object:
    """How the command ends, run as manage.py runs it, but in this process."""
    with pytest.raises(SystemExit) as ended:
        Command().run_from_argv(["manage.py", "run_relay", *arguments])
    return ended.value.code


@pytest.mark.parametrize(
    "arguments",
    [["--timeout", "3"], *(["--drain", "--timeout", seconds] for seconds in ("0", "-1", "nan", "soon"))],
    ids=" ".join,
)
def test_a_timeout_that_means_nothing_is_a_usage_error(arguments: list[str]) -> None:
    assert exit_code(*arguments) == ExitCode.USAGE


def test_an_unknown_database_is_a_usage_error(relay: Callable[..., RelayProcess]) -> None:
    wrong = relay("--database", "elsewhere")
    assert wrong.code() == 2
    assert "elsewhere" in wrong.text()


def test_a_database_that_is_not_postgresql_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    aliases = {"lite": SimpleNamespace(vendor="sqlite")}
    monkeypatch.setattr("relay.management.commands.run_relay.connections", aliases)
    with pytest.raises(CommandError, match="'lite' is sqlite") as refused:
        call_command("run_relay", database="lite", skip_checks=True)
    assert refused.value.returncode == 2


def test_options_that_the_client_refuses_end_it_with_one_line(
    relay: Callable[..., RelayProcess], writer: Writers, tmp_path: Path, kafka_bootstrap: str
) -> None:
    w = writer()
    w.insert("a")
    w.commit()
    options = {"bootstrap_servers": kafka_bootstrap, "api_version": "x"}
    settings_file = f"from tests.settings import *\nKAFKA = {{'OPTIONS': {options}}}\n"
    (tmp_path / "refused_settings.py").write_text(settings_file)
    wrong = relay(DJANGO_SETTINGS_MODULE="refused_settings", PYTHONPATH=str(tmp_path))
    assert wrong.code() == 1
    assert wrong.text().splitlines()[-1].startswith('CommandError: KAFKA["OPTIONS"]: '), wrong.text()
    assert "Traceback" not in wrong.text()


def test_kafka_python_without_assert_statements_ends_it_with_one_line(
    relay: Callable[..., RelayProcess],
) -> None:
    wrong = relay(PYTHONOPTIMIZE="1")
    assert wrong.code() == 1
    assert "PYTHONOPTIMIZE" in wrong.text()
    assert "Traceback" not in wrong.text()


@pytest.mark.parametrize("address", ["", ",", "127.0.0.1:none", "127.0.0.1:1,"])
def test_an_address_that_is_none_is_refused_also_where_nothing_waits(
    settings: Any, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    settings.KAFKA = {"OPTIONS": {"bootstrap_servers": address.split(",")}}
    assert exit_code("--drain") == ExitCode.ERROR
    assert "relay.E006" in capsys.readouterr().err

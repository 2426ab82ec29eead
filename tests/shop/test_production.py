"""With PRODUCTION=1 the examples refuse what is for trying out only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from psycopg.conninfo import conninfo_to_dict
from pytest_django.fixtures import Settings

ROOT = Path(__file__).resolve().parents[2]
CONSUMERS = ("crm", "analytics", "notifications")
MODULES = ["shop.settings", *(f"consumers.{name}.settings" for name in CONSUMERS)]


def check(module: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": module, "PRODUCTION": "1", **environ}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", MODULES)
def test_a_deployment_has_nothing_to_warn_of(module: str) -> None:
    done = check(module, SECRET_KEY="0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQ")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", MODULES[:2])
@pytest.mark.parametrize("key", ["", "short"])
def test_a_secret_that_everybody_can_know_is_refused(module: str, key: str) -> None:
    done = check(module, SECRET_KEY=key)
    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr


def test_no_user_gets_a_password_that_everybody_knows(db: None, settings: Settings) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="createsuperuser"):
        call_command("seed_shop", "--admin")


@pytest.mark.parametrize("module", MODULES)
def test_secrets_of_any_characters_come_from_files_or_variables_beside_the_url(
    module: str, tmp_path: Path
) -> None:
    password = "s/l@sh:100%?#&'\" $x"
    for name, text in (("password", f"{password}\n"), ("kafka", '{"sasl_plain_password": "p"}')):
        (tmp_path / name).write_text(text)
    found = settings_of(
        module,
        DATABASE_URL="postgresql://role@db:5432/?sslmode=require",
        DATABASE_PASSWORD_FILE=str(tmp_path / "password"),
        KAFKA_OPTIONS_FILE=str(tmp_path / "kafka"),
        JOURNEY_USER="journey",
        JOURNEY_PASSWORD=password,
    )
    assert found["database"]["PASSWORD"] == password
    assert found["database"]["OPTIONS"]["sslmode"] == "require"
    assert found["kafka"]["OPTIONS"]["sasl_plain_password"] == "p"
    for each in found["journey"].values():
        read = conninfo_to_dict(each)
        assert (read["user"], read["password"], read["sslmode"]) == ("journey", password, "require")


def settings_of(module: str, **environ: str) -> dict[str, Any]:
    """As the module has them in an environment with these variables."""
    code = (
        "import importlib, json, sys; s = importlib.import_module(sys.argv[1]); print(json.dumps({'kafka': "
        "s.KAFKA, 'database': s.DATABASES['default'], 'journey': getattr(s, 'JOURNEY', {})}))"
    )
    command = [sys.executable, "-c", code, module]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found

"""With PRODUCTION=1 the examples refuse what is for trying out only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
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

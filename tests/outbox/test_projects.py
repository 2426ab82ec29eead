"""Projects with a mistake in their apps or modules, checked by a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import outbox

PROJECT = {
    "settings.py": """
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.contenttypes", "outbox", "store"]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "none"}}
OUTBOX = {"SOURCE": "/store"}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
""",
    "store/__init__.py": "",
    "store/models.py": "",
}
EVENTS = """
import outbox

class Placed(outbox.Event, type="store.placed", topic="t", key="number"):
    number: int

class Twice(outbox.Event, type="store.placed", topic="t", key="number"):
    number: int
"""
RECEIVERS = """
from django.db.models.signals import post_save
import outbox

@outbox.receiver
def saved(instance, **kwargs):
    return None
"""
SIGNAL = """
from django.dispatch import Signal
import outbox

@outbox.receiver(Signal())
def saved(**kwargs):
    return None
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, PROJECT)
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(project), str(Path(outbox.__file__).parents[1])])
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": path}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, cwd=project, capture_output=True, text=True, check=False)


class TestApps:
    def settings_with(self, project: Path, apps: str) -> None:
        text = PROJECT["settings.py"].replace('"outbox", "store"', apps)
        write(project, {"settings.py": text})

    def test_relay_without_outbox_is_an_error(self, project: Path) -> None:
        self.settings_with(project, '"relay"')
        process = run(project, "-m", "django", "check")
        assert "relay.E007" in process.stderr

    def test_a_package_of_the_project_that_hides_outbox_is_named(self, project: Path) -> None:
        write(project, {"outbox/__init__.py": ""})
        self.settings_with(project, '"relay"')
        process = run(project, "-m", "django", "check")
        assert f"{project}/outbox/__init__.py" in process.stderr
        assert "rename that package" in process.stderr

    @pytest.mark.parametrize("name", ["relay", "inbox"])
    def test_a_package_of_the_project_that_hides_another_one_is_an_error(
        self, project: Path, name: str
    ) -> None:
        write(project, {f"{name}/__init__.py": ""})
        self.settings_with(project, f'"outbox", "{name}"')
        process = run(project, "-m", "django", "check")
        assert "outbox.E011" in process.stderr


class TestMistakesAtImport:
    def test_are_errors_of_the_check_each_with_its_line(self, project: Path) -> None:
        write(project, {"store/events.py": EVENTS, "store/receivers.py": RECEIVERS})
        process = run(project, "-m", "django", "check")
        assert process.returncode == 1
        assert "Traceback" not in process.stderr
        assert process.stderr.count("outbox.E010") == 2
        assert f"{project}/store/events.py:7" in process.stderr
        assert f"{project}/store/receivers.py:5" in process.stderr

    @pytest.mark.parametrize(
        "arguments",
        [
            ("-c", "import django; django.setup()"),
            ("-m", "django", "shell", "-c", "pass"),
            ("-m", "django", "check", "--skip-checks"),
        ],
    )
    def test_end_a_process_that_runs_no_checks(self, project: Path, arguments: tuple[str, ...]) -> None:
        write(project, {"store/receivers.py": RECEIVERS})
        process = run(project, *arguments)
        assert process.returncode != 0
        assert "@outbox.receiver(post_save, sender=Order)" in process.stderr

    @pytest.mark.parametrize("name", ["receiver.py", "signals.py", "handlers/orders.py"])
    def test_a_module_that_nothing_imports_is_warned_of(self, project: Path, name: str) -> None:
        write(project, {f"store/{name}": SIGNAL})
        module = f"store.{name.removesuffix('.py').replace('/', '.')}"
        process = run(project, "-m", "django", "check")
        assert "outbox.W005" in process.stderr
        assert module in process.stderr

    @pytest.mark.parametrize(
        "text",
        [
            "import outbox as ob\n@ob.receiver(Signal())\ndef saved(**kwargs): ...",
            "from outbox.capture.decorator import receiver\n@receiver(Signal())\ndef saved(**kwargs): ...",
            "import outbox\noutbox.receiver(Signal())(print)",
        ],
    )
    def test_however_it_declares_them(self, project: Path, text: str) -> None:
        write(project, {"store/signals.py": f"from django.dispatch import Signal\n{text}\n"})
        assert "outbox.W005" in run(project, "-m", "django", "check").stderr

    def test_a_module_that_failed_is_said_once(self, project: Path) -> None:
        write(project, {"store/receivers.py": RECEIVERS, "store/events.py": "def no(:\n"})
        process = run(project, "-m", "django", "check")
        assert "outbox.W005" not in process.stderr
        assert f"{project}/store/events.py:1" in process.stderr

    def test_a_module_that_is_imported_is_fine(self, project: Path) -> None:
        write(project, {"store/signals.py": SIGNAL, "store/receivers.py": "import store.signals"})
        assert "outbox.W005" not in run(project, "-m", "django", "check").stderr

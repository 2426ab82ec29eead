"""Imports ``events`` and ``receivers`` of each app. ``manage.py check`` reports errors of these imports; a
process that runs no checks (a web server, a shell, a script) fails at once.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from importlib import import_module
from types import FrameType

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.core.management import ManagementUtility, get_commands, load_command_class
from django.utils.module_loading import module_has_submodule

MODULES = ("events", "receivers")
CHECKED_LATER = {"check", "migrate", "runserver", "test"}
"""Commands that run the checks themselves, not by ``requires_system_checks``."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A module whose import failed."""

    module: str
    error: Exception

    def place(self) -> str:
        """The line of the module that raised it, or else the last line of the traceback."""
        if isinstance(self.error, SyntaxError) and self.error.filename:
            return f"{self.error.filename}:{self.error.lineno}"
        frames = traceback.extract_tb(self.error.__traceback__)
        name = self.module.replace(".", "/")
        own = [frame for frame in frames if name in frame.filename] or frames
        return f"{own[-1].filename}:{own[-1].lineno}"


mistakes: list[Mistake] = []


def discover() -> None:
    """Import the modules of all apps. Raises what an import raises, unless the checks will report it."""
    for app in apps.get_app_configs():
        for name in MODULES:
            if module_has_submodule(app.module, name):
                _import(f"{app.name}.{name}")


def check_imports(**kwargs: object) -> list[CheckMessage]:
    """E010: a module of events or receivers that cannot be imported."""
    return [
        Error(
            f"{mistake.module} cannot be imported: {mistake.error}",
            hint=f"{type(mistake.error).__name__} at {mistake.place()}.",
            obj=mistake.module,
            id="outbox.E010",
        )
        for mistake in mistakes
    ]


def _import(module: str) -> None:
    try:
        import_module(module)
    except Exception as error:
        if not _checks_follow():
            raise
        mistakes.append(Mistake(module, error))


def _checks_follow() -> bool:
    """Whether this process is a management command that runs the system checks first."""
    argv = _argv()
    if len(argv) < 2 or "--skip-checks" in argv:
        return False
    name = argv[1]
    if name in CHECKED_LATER:
        return True
    try:
        app = get_commands()[name]
        command = load_command_class(app, name) if isinstance(app, str) else app
    except (KeyError, ImportError, AttributeError):
        return False
    return command.requires_system_checks == "__all__"


def _argv() -> list[str]:
    """The command line of manage.py; empty if another program runs."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code is ManagementUtility.execute.__code__:
            return list(frame.f_locals["self"].argv)
        frame = frame.f_back
    return []

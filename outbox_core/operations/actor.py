"""Who acts: a user of the admin, or the person who runs a command."""

from __future__ import annotations

import getpass
import os
import socket

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management.base import CommandError

from outbox_core.people.text import line


def of_command(username: str | None) -> str:
    """``root@host``, or ``mara (root@host)`` where --user names a user of this project.

    Raises CommandError for a user who does not exist.
    """
    if username is None:
        return shell()
    if not apps.is_installed("django.contrib.auth"):
        raise CommandError("--user needs django.contrib.auth in INSTALLED_APPS.", returncode=2)
    model = get_user_model()
    try:
        user = model._default_manager.get_by_natural_key(username)
    except model.DoesNotExist as error:
        raise CommandError(f"There is no user {line(repr(username))}.", returncode=2) from error
    return f"{line(user.get_username(), 200)} ({shell()})"


def shell() -> str:
    """The operating system's user and host of this process: ``root@host``."""
    return line(f"{_shell_user()}@{socket.gethostname()}", 200)


def _shell_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        return f"uid {os.getuid()}"

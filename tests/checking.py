"""System checks in tests that start nothing: from Django 6.1 on, its checks of models ask the database."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.checks import CheckMessage
from django.core.checks.model_checks import check_all_models
from django.core.checks.registry import registry


def run_checks(databases: Sequence[str] | None = None) -> list[CheckMessage]:
    """The messages of every check that ``manage.py check`` runs, but those of Django about models."""
    return [
        message
        for check in registry.get_checks()
        if getattr(check, "__name__", "") != check_all_models.__name__
        for message in check(app_configs=None, databases=databases)
    ]


def found(id: str) -> list[CheckMessage]:
    """What ``manage.py check`` says under this id."""
    return [message for message in run_checks() if message.id == id]

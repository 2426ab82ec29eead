"""System checks of the relay's settings."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from outbox.conf import problems
from relay.conf import RelaySettings, settings


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """``RELAY`` can be read, and its publisher imported."""
    return problems(RelaySettings, "RELAY") or _check_publisher()


def _check_publisher() -> list[CheckMessage]:
    path = settings().publisher
    try:
        import_string(path)
    except (ImportError, ImproperlyConfigured) as error:
        hint = 'Set RELAY["PUBLISHER"] to the dotted path of a class; see relay.publishers.'
        return [
            Error(f'RELAY["PUBLISHER"], {path!r}, cannot be imported: {error}', hint=hint, id="relay.E001")
        ]
    return []

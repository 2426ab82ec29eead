"""System checks of the relay's settings."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from outbox.conf import problems
from relay.conf import RelaySettings, settings


@register()
def check_outbox(**_: Any) -> list[CheckMessage]:
    """E007: the relay reads tables that only the app ``outbox`` creates."""
    if apps.is_installed("outbox"):
        return []
    hint = 'Add "outbox" to INSTALLED_APPS, and run `manage.py migrate outbox`.'
    return [
        Error(
            "The app 'relay' is installed without 'outbox', whose tables it reads.",
            hint=hint,
            id="relay.E007",
        )
    ]


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """``RELAY`` can be read, and its publisher made."""
    return problems(RelaySettings, "RELAY") or _check_publisher()


def _check_publisher() -> list[CheckMessage]:
    path = settings().publisher
    try:
        settings().make_publisher()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="relay.E006")]
    except ImportError as error:
        hint = 'Set RELAY["PUBLISHER"] to the dotted path of a class; see relay.publishers.'
        return [
            Error(f'RELAY["PUBLISHER"], {path!r}, cannot be imported: {error}', hint=hint, id="relay.E005")
        ]
    return []

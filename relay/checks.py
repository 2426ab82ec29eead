"""System checks of the relay's settings. ``relay.E001`` to ``E004``: see outbox_core.process.settings."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from outbox_core.kafka import check_kafka
from outbox_core.process.settings import problems
from relay.conf import RelaySettings, settings

register(check_kafka)


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
    """Whether ``RELAY`` can be read."""
    return problems(RelaySettings, "RELAY")


@register()
def check_publisher(**_: Any) -> list[CheckMessage]:
    """E006: the publisher cannot be made of ``KAFKA`` and ``RELAY``."""
    if check_kafka() or check_settings():
        return []
    try:
        settings().make_publisher()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="relay.E006")]
    return []

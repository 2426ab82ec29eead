"""``KAFKA`` in Django's settings: the Kafka of a project, for relay and inbox."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured

from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON
from outbox_core.kafka_translation import resolve
from outbox_core.process.settings import forget_on_change, problems, read
from outbox_core.suggestion import did_you_mean

OPTIMIZED = (
    "kafka-python cannot talk to Kafka in a Python that drops assert statements. "
    "Run it without -O and PYTHONOPTIMIZE"
)
"""Why kafka-python is refused in a Python that was started with -O: it reads bytes of each answer inside
assert statements, and without them it misunderstands every answer.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """``KAFKA``. ``RELAY["KAFKA"]`` and ``INBOX["KAFKA"]`` have the same shape and override it."""

    backend: str = ""
    """``kafka-python`` (the default), ``confluent``, or the dotted path of a publisher class. With a class
    the inbox reads through kafka-python.
    """
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the client, under kafka-python's names (``bootstrap_servers``) or librdkafka's
    (``bootstrap.servers``). In ``KAFKA``, options of a producer are for the relay and options of a consumer
    for the inbox.
    """

    def __post_init__(self) -> None:
        if self.backend and "." not in self.backend and self.backend not in (KAFKA_PYTHON, CONFLUENT):
            hint = did_you_mean(self.backend, (KAFKA_PYTHON, CONFLUENT))
            raise ValueError(
                f'BACKEND is {self.backend!r}; it can be "{KAFKA_PYTHON}", "{CONFLUENT}" or the dotted path '
                f"of a publisher class. {hint}".strip()
            )


@cache
def shared() -> KafkaSettings:
    """Django's ``KAFKA``; raises ImproperlyConfigured for an unknown key or a value of the wrong type."""
    return read(KafkaSettings, "KAFKA")


forget_on_change(shared, "KAFKA")


def check_kafka(**_: object) -> list[CheckMessage]:
    """``kafka.E001`` to ``E004``: see outbox_core.process.settings. Registered once, by relay or inbox."""
    return problems(KafkaSettings, "KAFKA")


def backend(own: KafkaSettings) -> str:
    """The backend of relay or inbox, with its ``own`` settings."""
    return own.backend or shared().backend or KAFKA_PYTHON


def options(name: str, own: KafkaSettings, *, client: str, side: str) -> dict[str, Any]:
    """The options for a ``client`` as producer or consumer; ``own`` are those of the setting ``name``.

    Raises:
        ImproperlyConfigured: an address is missing or malformed, or an option has no counterpart or two
            values, or this Python cannot run the client. The message names all of them.
    """
    found, wrong = resolve(
        ('KAFKA["OPTIONS"]', shared().options), (f'{name}["KAFKA"]["OPTIONS"]', own.options),
        client=client, side=side,
    )  # fmt: skip
    if client == KAFKA_PYTHON and sys.flags.optimize:
        wrong.append(f'{OPTIMIZED}, or set KAFKA["BACKEND"] to "{CONFLUENT}".')
    if wrong:
        raise ImproperlyConfigured(" ".join(wrong))
    return found

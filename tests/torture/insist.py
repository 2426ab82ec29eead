"""Doing what another fault may be in the way of."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
from kafka.errors import KafkaError

from tests.torture.trial import CommandFailed

T = TypeVar("T")
INSIST_SECONDS = 90.0


def insist(deed: Callable[[], T]) -> T:
    """Do it, also while another fault keeps the database or Kafka away."""
    deadline = time.monotonic() + INSIST_SECONDS
    while True:
        try:
            return deed()
        except (psycopg.Error, KafkaError, OSError, CommandFailed) as error:
            if time.monotonic() > deadline or (isinstance(error, CommandFailed) and not error.is_outage):
                raise
            time.sleep(0.2)

"""A relay in a thread of this process, for the length of a benchmark."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from outbox.conf import settings as outbox_settings
from relay.conf import settings
from relay.engine import Relay

END_SECONDS = 30.0


@contextmanager
def relaying(database: str) -> Iterator[None]:
    config = settings()
    relay = Relay(database, config, config.make_publisher(), config.encoder(outbox_settings().source))

    def run() -> None:
        try:
            relay.run()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, name="relay")
    thread.start()
    try:
        yield
    finally:
        relay.stop()
        thread.join(END_SECONDS)

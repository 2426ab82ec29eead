"""A handler that fails, or is slow, while a file says so."""

from __future__ import annotations

import os
import time
from pathlib import Path

import inbox
from tests.game_day.names import TYPE

SLOW_SECONDS = 1.0


@inbox.handler(TYPE)
def handle(event: inbox.Event) -> None:
    orders = Path(os.environ["GAME_DAY_ORDERS"])
    if (orders / "fail").exists():
        raise ValueError("no such customer")
    if (orders / "slow").exists():
        time.sleep(SLOW_SECONDS)

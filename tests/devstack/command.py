"""A command to be run by devstack: says that it runs, and ends with 5 on SIGINT and 6 on SIGTERM.

At the end it asks PostgreSQL, which has to answer still, and says so.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

import psycopg


def end(number: int, _frame: FrameType | None) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("SELECT 1")
    print("served to the end", flush=True)
    sys.exit(5 if number == signal.SIGINT else 6)


signal.signal(signal.SIGINT, end)
signal.signal(signal.SIGTERM, end)
print("running", os.environ["DATABASE_URL"], flush=True)
while True:
    signal.pause()

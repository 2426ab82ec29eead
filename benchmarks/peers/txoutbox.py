"""txoutbox, the fastest relay we know among Python packages on PyPI: its own table, asyncpg, aiokafka.

https://github.com/OsmnvAslan/txoutbox
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack import cache
from devstack.console import announce

VERSION = "0.2.2"
REQUIRED = (f"txoutbox[postgres]=={VERSION}", "aiokafka>=0.12")
SENDER = Path(__file__).with_name("txoutbox_sender.py")
SETTINGS = {
    "batch_size": 500,
    "concurrency": 500,
    "poll_min": 0.005,
    "delete_on_ack": True,
    "acks": "all",
    "enable_idempotence": True,
    "linger_ms": 5,
    "max_batch_size": 262_144,
}
"""Ten times its default batch; each key is sent in order, as it promises."""
FILL = """
    INSERT INTO outbox (topic, key, payload)
    SELECT %(topic)s, 'key-' || i %% %(keys)s,
           convert_to('{"number":' || i || ',"text":"' || repeat('x', 180) || '"}', 'UTF8')
    FROM generate_series(1, %(events)s) AS i
"""


def python() -> Path:
    """Of an environment that has it; made once. Raises CalledProcessError without a package index."""
    return cache.kept(cache.folder() / f"txoutbox-{VERSION}", _install) / "bin" / "python"


def _install(target: Path) -> None:
    announce(f"installing {' '.join(REQUIRED)} (once, kept in {target.parent})")
    subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
    subprocess.run([target / "bin" / "python", "-m", "pip", "install", "-q", *REQUIRED], check=True)


@contextmanager
def sending(database_url: str, bootstrap_servers: str) -> Iterator[int]:
    """Its relay, which makes its table first, for the length of a block; the pid."""
    given = [f"{name}={value!r}" for name, value in SETTINGS.items()]
    process = subprocess.Popen([python(), "-P", SENDER, database_url, bootstrap_servers, *given])
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)

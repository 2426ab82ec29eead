"""txoutbox, the fastest relay that we know among Python packages on PyPI: asyncpg and aiokafka.

https://github.com/OsmnvAslan/txoutbox
"""

from __future__ import annotations

from benchmarks.peers.package import Package

PACKAGE = Package(
    name="txoutbox",
    version="0.2.2",
    needs=("txoutbox[postgres]==0.2.2", "aiokafka>=0.12", "uvloop"),
    sender="txoutbox_sender.py",
    order="each key in order",
    settings={
        "relay": {"batch_size": 500, "concurrency": 500, "poll_min": 0.005},
        "storage": {"delete_on_ack": True},
        "producer": {"acks": "all", "enable_idempotence": True, "linger_ms": 5, "max_batch_size": 262_144},
    },
    table="outbox",
    fill="""
        INSERT INTO outbox (topic, key, payload)
        SELECT %(topic)s, 'key-' || i %% %(keys)s,
               convert_to('{"number":' || i || ',"text":"' || repeat('x', 180) || '"}', 'UTF8')
        FROM generate_series(1, %(events)s) AS i
    """,
)

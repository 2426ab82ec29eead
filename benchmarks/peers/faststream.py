"""faststream-outbox: the handler of a FastStream broker on a table, and a publisher of FastStream's aiokafka.

https://github.com/modern-python/faststream-outbox
"""

from __future__ import annotations

from benchmarks.peers.package import Package

PACKAGE = Package(
    name="faststream-outbox",
    version="0.19.0",
    needs=("faststream-outbox[asyncpg]==0.19.0", "faststream[kafka]==0.7.8", "uvloop"),
    sender="faststream_sender.py",
    order="its 50 workers keep no order of a key",
    settings={
        "broker": {"apply_types": False},
        "subscriber": {
            "max_workers": 50,
            "fetch_batch_size": 500,
            "terminal_flush_batch_size": 100,
            "min_fetch_interval": 0.005,
            "max_fetch_interval": 0.01,
        },
        "producer": {"acks": "all", "enable_idempotence": True, "linger_ms": 5, "max_batch_size": 262_144},
    },
    table="faststream_outbox",
    fill="""
        INSERT INTO faststream_outbox (queue, payload, headers)
        SELECT 'benchmarks', convert_to('{"number":' || i || ',"text":"' || repeat('x', 180) || '"}', 'UTF8'),
               jsonb_build_object('key', 'key-' || i %% %(keys)s, 'content-type', 'application/json',
                                  'correlation_id', gen_random_uuid())
        FROM generate_series(1, %(events)s) AS i
    """,
)

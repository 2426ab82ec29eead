"""Runs txoutbox's relay in the environment that has it: DATABASE_URL BOOTSTRAP_SERVERS NAME=VALUE …"""

# mypy: disable-error-code="import-not-found, import-untyped"
from __future__ import annotations

import ast
import asyncio
import sys
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from txoutbox import OutboxMessage, Relay, RelayConfig
from txoutbox.adapters.postgres import PostgresStorage

OF_RELAY = {"batch_size", "concurrency", "poll_min"}


async def main(database_url: str, bootstrap_servers: str, given: dict[str, Any]) -> None:
    config = RelayConfig(**{name: given.pop(name) for name in OF_RELAY & given.keys()})
    pool = await asyncpg.create_pool(database_url)
    storage = PostgresStorage(pool, delete_on_ack=given.pop("delete_on_ack"))
    await storage.create_schema()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, **given)
    await producer.start()

    async def publish(message: OutboxMessage) -> None:
        key = message.key.encode() if message.key else None
        await producer.send_and_wait(message.topic, message.payload, key=key)

    try:
        await Relay(storage, publish, config=config).run(handle_signals=True)
    finally:
        await producer.stop()
        await pool.close()


if __name__ == "__main__":
    _, database_url, bootstrap_servers, *pairs = sys.argv
    options = {name: ast.literal_eval(value) for name, _, value in (pair.partition("=") for pair in pairs)}
    asyncio.run(main(database_url, bootstrap_servers, options))

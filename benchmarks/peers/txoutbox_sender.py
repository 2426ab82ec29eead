"""Runs txoutbox's relay in the environment that has it: DATABASE_URL BOOTSTRAP_SERVERS SETTINGS [TOPIC]."""

# mypy: disable-error-code="import-not-found, import-untyped"
from __future__ import annotations

import json
import sys
from typing import Any

import asyncpg
import uvloop
from aiokafka import AIOKafkaProducer
from txoutbox import OutboxMessage, Relay, RelayConfig
from txoutbox.adapters.postgres import PostgresStorage


async def relay(storage: PostgresStorage, bootstrap_servers: str, settings: dict[str, Any]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, **settings["producer"]) as producer:

        async def publish(message: OutboxMessage) -> None:
            key = message.key.encode() if message.key else None
            await producer.send_and_wait(message.topic, message.payload, key=key)

        await Relay(storage, publish, config=RelayConfig(**settings["relay"])).run(handle_signals=True)


async def main(database_url: str, bootstrap_servers: str, settings: str, *topic: str) -> None:
    """Each row names its topic."""
    options = json.loads(settings)
    async with asyncpg.create_pool(database_url) as pool:
        storage = PostgresStorage(pool, **options["storage"])
        if topic:
            await relay(storage, bootstrap_servers, options)
        else:
            await storage.create_schema()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))

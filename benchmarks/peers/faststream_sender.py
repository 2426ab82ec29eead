"""Runs faststream-outbox in the environment that has it: DATABASE_URL BOOTSTRAP_SERVERS SETTINGS [TOPIC]."""

# mypy: disable-error-code="import-not-found, untyped-decorator"
from __future__ import annotations

import json
import sys
from typing import Any

import uvloop
from faststream import FastStream
from faststream.kafka import KafkaBroker, KafkaResponse
from faststream_outbox import OutboxBroker, make_outbox_table, outbox_autovacuum_ddl
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

TABLE, QUEUE = "faststream_outbox", "benchmarks"


async def make_table(engine: AsyncEngine) -> None:
    metadata = MetaData()
    make_outbox_table(metadata, table_name=TABLE)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(text(outbox_autovacuum_ddl(TABLE)))


async def undecoded(message: Any) -> Any:
    """The payload is sent on as it is, so nothing has to parse it."""
    return message


async def relay(engine: AsyncEngine, bootstrap_servers: str, settings: dict[str, Any], topic: str) -> None:
    kafka = KafkaBroker(bootstrap_servers.split(","), logger=None, **settings["producer"])
    table = make_outbox_table(MetaData(), TABLE)
    outbox = OutboxBroker(engine, outbox_table=table, logger=None, **settings["broker"])

    @kafka.publisher(topic)
    @outbox.subscriber(QUEUE, decoder=undecoded, **settings["subscriber"])
    async def send(message: Any) -> KafkaResponse:
        return KafkaResponse(message.body, key=message.headers["key"].encode())

    async with kafka:
        await FastStream(outbox, logger=None).run()


async def main(database_url: str, bootstrap_servers: str, settings: str, *topic: str) -> None:
    options = json.loads(settings)
    connections = options["subscriber"]["max_workers"] + 1
    url = database_url.replace("postgresql:", "postgresql+asyncpg:")
    engine = create_async_engine(url, pool_size=connections)
    if topic:
        await relay(engine, bootstrap_servers, options, *topic)
    else:
        await make_table(engine)
    await engine.dispose()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))

"""Idle shards: one question for all of them finds those that have something to do."""

from __future__ import annotations

from collections.abc import Iterable

from relay.log.news import News, ask
from relay.log.session import Session
from relay.shard.owned import OwnedShard


def wake(session: Session, shards: Iterable[OwnedShard]) -> News:
    """Ask what is new, and tell the idle shards: those that it concerns are idle no longer."""
    idle = {shard: shard.idle_at for shard in shards if shard.idle_at is not None}
    news = ask(session, idle.values())
    for shard in idle:
        shard.take(news)
    return news

"""Shards at rest: one question for all of them finds those that have something to do."""

from __future__ import annotations

from collections.abc import Iterable

from relay.log.news import News, ask
from relay.log.session import Session
from relay.shard.owned import OwnedShard


def wake(session: Session, shards: Iterable[OwnedShard]) -> News:
    """Ask what is new, and have the shards at rest hear it: those that it concerns are at rest no longer."""
    resting = {shard: shard.rests_at for shard in shards if shard.rests_at is not None}
    news = ask(session, resting.values())
    for shard in resting:
        shard.hear(news)
    return news

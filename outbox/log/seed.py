"""Creates the rows that the outbox needs: its first shard."""

from __future__ import annotations

from outbox.log import tables
from outbox.write.buckets import BUCKETS


def seed(using: str) -> None:
    """One shard for all buckets, unless there are shards already."""
    from outbox.models import Shard

    shards = Shard.objects.using(using)
    if not shards.exists():
        shards.bulk_create([Shard(id=0, first_bucket=0, last_bucket=BUCKETS - 1)], ignore_conflicts=True)


def seed_after_migrate(*, using: str, **kwargs: object) -> None:
    """Receiver of post_migrate. Django also sends it for databases without the tables."""
    if tables.exist(using):
        seed(using)

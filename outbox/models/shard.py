"""Shards, their positions, the relays that own them, and statistics."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from outbox.fields import ClockTimestamp, CurrentXactId, SnapshotField, Xid8Field


class Shard(models.Model):
    """A range of buckets with one position in the log, and the lease of the relay that owns it.

    ``epoch`` grows with every change of owner and blocks checkpoints of earlier owners.
    """

    id = models.SmallIntegerField(primary_key=True)
    first_bucket = models.SmallIntegerField()
    last_bucket = models.SmallIntegerField(help_text="inclusive")
    owner = models.UUIDField(null=True)
    epoch = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "outbox_shard"
        default_permissions = ()
        permissions: ClassVar = [("reshard", "Can divide the log into another number of shards")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(first_bucket__gte=0, last_bucket__lte=255)
                & models.Q(first_bucket__lte=models.F("last_bucket")),
                name="outbox_shard_buckets",
            ),
        ]

    def __str__(self) -> str:
        return f"shard {self.id} (buckets {self.first_bucket}-{self.last_bucket})"


class OutboxStatus(Shard):
    """The admin page of the status. It has no table."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = "outbox status"
        # The admin sorts by name: the space puts this page first.
        verbose_name_plural = " Outbox status"


class Checkpoint(models.Model):
    """A position of a shard, inserted when a wave is acknowledged. The latest by ``(epoch, seq)`` is the
    shard's position.

    Everything visible in ``lo`` is published. While a window is being read in pages, ``hi`` is its upper
    snapshot and everything visible in ``hi`` with an id up to ``pos`` is published too; otherwise both are
    NULL. ``published`` counts all events of the shard so far; ``events``, ``bytes`` and ``latency_ms`` (of
    the wave's oldest event, from its insert to its acknowledgement) are this wave's own. ``xid`` is the
    transaction that wrote the row; it must not be in a savepoint, see ``Position``.
    """

    id = models.BigAutoField(primary_key=True)
    shard = models.ForeignKey(Shard, models.CASCADE, related_name="checkpoints", db_index=False)
    epoch = models.BigIntegerField()
    seq = models.BigIntegerField()
    xid = Xid8Field(db_default=CurrentXactId(), editable=False)
    lo = SnapshotField()
    hi = SnapshotField(null=True)
    pos = models.BigIntegerField(null=True)
    published = models.BigIntegerField(default=0)
    events = models.IntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    latency_ms = models.IntegerField(default=0)
    created_at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        db_table = "outbox_checkpoint"
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["shard", "epoch", "seq"], name="outbox_checkpoint_position"),
        ]

    def __str__(self) -> str:
        return f"shard {self.shard_id} at {self.epoch}.{self.seq}"


class Position(models.Model):
    """The position of each shard, a view: its latest checkpoint, and whether it belongs to this database.

    ``proven`` is false if the checkpoint was restored from a dump or replicated logically: then transaction
    ids have another meaning. A shard without a checkpoint has no ``lo``.
    """

    shard = models.OneToOneField(
        Shard, models.DO_NOTHING, primary_key=True, related_name="position", db_column="shard_id"
    )
    first_bucket = models.SmallIntegerField()
    last_bucket = models.SmallIntegerField()
    lo = SnapshotField(null=True)
    hi = SnapshotField(null=True)
    pos = models.BigIntegerField(null=True)
    published = models.BigIntegerField(null=True)
    stored_at = models.DateTimeField(null=True)
    proven = models.BooleanField()

    class Meta:
        db_table = "outbox_position"
        managed = False
        default_permissions = ()

    def __str__(self) -> str:
        return f"position of shard {self.shard_id}"


class Statistics(models.Model):
    """What one shard published in one minute: checkpoints rolled up before they are pruned."""

    id = models.BigAutoField(primary_key=True)
    shard = models.SmallIntegerField()
    minute = models.DateTimeField()
    events = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    waves = models.BigIntegerField(default=0)
    latency_ms_max = models.IntegerField(default=0)

    class Meta:
        db_table = "outbox_statistics"
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["minute", "shard"], name="outbox_statistics_minute"),
        ]

    def __str__(self) -> str:
        return f"shard {self.shard} in the minute of {self.minute:%F %R}"


class Relay(models.Model):
    """A relay process that is, or was, alive. ``state`` is what it last reported about itself, and
    ``state_since`` when it first reported it.
    """

    id = models.UUIDField(primary_key=True)
    host = models.TextField()
    pid = models.IntegerField()
    state = models.TextField()
    state_since = models.DateTimeField(db_default=ClockTimestamp())
    detail = models.TextField(default="")
    started_at = models.DateTimeField(db_default=ClockTimestamp())
    heartbeat_at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        db_table = "outbox_relay"
        default_permissions = ()

    def __str__(self) -> str:
        return f"relay {self.host}:{self.pid}"


class Incarnation(models.Model):
    """One token in an UNLOGGED table. Crash recovery and promotion empty the table, so the token proves that
    no commit was forgotten since.
    """

    token = models.UUIDField(primary_key=True)

    class Meta:
        db_table = "outbox_incarnation"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.token)

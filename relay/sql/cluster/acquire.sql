-- Takes over one shard without an owner, or one that this relay owned before it lost its connection. "owned"
-- are the shards it already has. FOR UPDATE SKIP LOCKED does not wait, and it blocks a checkpoint of the
-- previous epoch. It returns who owned the shard before, for the ledger.
WITH free AS MATERIALIZED (
    SELECT id, owner, lease_until < clock_timestamp() AS is_over
    FROM {schema}outbox_shard
    WHERE (owner IS NULL OR owner = %(owner)s::uuid OR lease_until IS NULL OR lease_until < clock_timestamp())
      AND id <> ALL (%(owned)s::smallint[])
    ORDER BY id LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE {schema}outbox_shard AS shard
SET owner = %(owner)s::uuid, epoch = epoch + 1, lease_until = clock_timestamp() + make_interval(secs => %(ttl)s)
FROM free
WHERE shard.id = free.id
RETURNING shard.id, first_bucket, last_bucket, epoch,
          CASE WHEN free.owner IS NULL THEN 'no owner'
               WHEN free.owner = %(owner)s::uuid THEN 'owned by this relay'
               ELSE concat('owned by ', coalesce((SELECT concat('relay ', host, ':', pid) FROM {schema}outbox_relay
                                                  WHERE id = free.owner), 'a relay that has left'),
                           CASE WHEN free.is_over THEN ', whose lease ended' END)
          END

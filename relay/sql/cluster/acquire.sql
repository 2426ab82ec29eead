-- Takes over one shard without an owner, or one that this relay owned before it lost its connection. "owned"
-- are the shards it already has. FOR UPDATE SKIP LOCKED does not wait, and it blocks a checkpoint of the
-- previous epoch.
UPDATE {schema}outbox_shard
SET owner = %(owner)s::uuid, epoch = epoch + 1, lease_until = clock_timestamp() + make_interval(secs => %(ttl)s)
WHERE id = (
    SELECT id FROM {schema}outbox_shard
    WHERE (owner IS NULL OR owner = %(owner)s::uuid OR lease_until IS NULL OR lease_until < clock_timestamp())
      AND id <> ALL (%(owned)s::smallint[])
    ORDER BY id LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING id, first_bucket, last_bucket, epoch

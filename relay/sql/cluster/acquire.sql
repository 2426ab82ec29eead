-- Takes over one shard that nobody owns, or that this relay owned before it lost its connection; held are
-- those it has. FOR UPDATE SKIP LOCKED waits for no one and keeps out a checkpoint of the epoch before.
UPDATE {schema}outbox_shard
SET owner = %(owner)s::uuid, epoch = epoch + 1, lease_until = clock_timestamp() + make_interval(secs => %(ttl)s)
WHERE id = (
    SELECT id FROM {schema}outbox_shard
    WHERE (owner IS NULL OR owner = %(owner)s::uuid OR lease_until IS NULL OR lease_until < clock_timestamp())
      AND id <> ALL (%(held)s::smallint[])
    ORDER BY id LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING id, first_bucket, last_bucket, epoch

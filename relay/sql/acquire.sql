-- Takes over one shard that nobody owns. FOR UPDATE waits for no one and keeps out a checkpoint of the epoch before.
UPDATE {schema}outbox_shard
SET owner = %(owner)s::uuid, epoch = epoch + 1, lease_until = clock_timestamp() + make_interval(secs => %(ttl)s)
WHERE id = (
    SELECT id FROM {schema}outbox_shard
    WHERE owner IS NULL OR lease_until IS NULL OR lease_until < clock_timestamp()
    ORDER BY id LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING id, first_bucket, last_bucket, epoch

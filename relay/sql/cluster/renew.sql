-- Extends leases. One that has run out is not extended: another relay may be taking the shard. The rows are
-- locked in the order of all who lock several.
WITH mine AS MATERIALIZED (
    SELECT id FROM {schema}outbox_shard AS shard
    JOIN unnest(%(shards)s::smallint[], %(epochs)s::bigint[]) AS lease (shard, epoch)
         ON lease.shard = shard.id AND lease.epoch = shard.epoch
    WHERE owner = %(owner)s::uuid
    ORDER BY id
    FOR NO KEY UPDATE OF shard
)
UPDATE {schema}outbox_shard AS shard
SET lease_until = clock_timestamp() + make_interval(secs => %(ttl)s)
FROM mine
WHERE shard.id = mine.id AND lease_until > clock_timestamp()
RETURNING shard.id, first_bucket, last_bucket

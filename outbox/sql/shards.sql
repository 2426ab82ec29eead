-- Every shard: its owner, its progress, how many events wait (counted up to {cap}), the session that has the row
-- locked, so that no relay can take the shard (0 is a prepared transaction), and whether the position is proven.
WITH waiting AS MATERIALIZED (
    SELECT shard, count(*) AS events, min(created_at) AS oldest FROM ({pending}) AS pending GROUP BY shard
)
SELECT shard.id, shard.first_bucket, shard.last_bucket, epoch,
       CASE WHEN lease_until > clock_timestamp() THEN owner END,
       coalesce(waiting.events, 0),
       extract(epoch FROM clock_timestamp() - waiting.oldest)::float8,
       coalesce(position.published, 0),
       extract(epoch FROM clock_timestamp() - position.stored_at)::float8,
       (SELECT coalesce(pid, 0) FROM pg_locks
        WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted AND transactionid = shard.xmax),
       position.proven
FROM {schema}outbox_shard AS shard
JOIN {schema}outbox_position AS position ON position.shard_id = shard.id
LEFT JOIN waiting ON waiting.shard = shard.id
ORDER BY shard.id

-- Every shard: its owner, how far it is, and how much waits (counted up to {cap}).
WITH waiting AS MATERIALIZED (
    SELECT shard, count(*) AS events, min(created_at) AS oldest FROM ({pending}) AS pending GROUP BY shard
)
SELECT shard.id, first_bucket, last_bucket, epoch,
       CASE WHEN lease_until > clock_timestamp() THEN owner END,
       coalesce(waiting.events, 0),
       extract(epoch FROM clock_timestamp() - waiting.oldest)::float8,
       coalesce(checkpoint.published, 0),
       extract(epoch FROM clock_timestamp() - checkpoint.created_at)::float8
FROM outbox_shard AS shard
LEFT JOIN waiting ON waiting.shard = shard.id
LEFT JOIN LATERAL (
    SELECT published, created_at FROM outbox_checkpoint
    WHERE shard_id = shard.id ORDER BY outbox_checkpoint.epoch DESC, seq DESC LIMIT 1
) AS checkpoint ON true
ORDER BY shard.id

-- How many shards have a position that this database has yet to come to: it was restored, and its transaction
-- ids are lower.
SELECT count(*)
FROM outbox_shard AS shard
CROSS JOIN LATERAL (
    SELECT coalesce(hi, lo) AS seen FROM outbox_checkpoint
    WHERE shard_id = shard.id ORDER BY epoch DESC, seq DESC LIMIT 1
) AS checkpoint
WHERE pg_snapshot_xmax(seen) > pg_snapshot_xmax(pg_current_snapshot())

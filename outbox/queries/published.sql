-- Events among which are the {cap} of each shard that were published last: the caller drops what is not
-- (stragglers, held ones).
SELECT event.id
FROM outbox_shard AS shard
CROSS JOIN LATERAL (
    SELECT lo, hi, pos FROM outbox_checkpoint WHERE shard_id = shard.id ORDER BY epoch DESC, seq DESC LIMIT 1
) AS checkpoint
CROSS JOIN LATERAL (
    (SELECT id FROM outbox_event
     WHERE xid < pg_snapshot_xmax(lo) AND bucket BETWEEN first_bucket AND last_bucket
     ORDER BY xid DESC LIMIT {cap})
    UNION
    (SELECT id FROM outbox_event
     WHERE id <= pos AND bucket BETWEEN first_bucket AND last_bucket
     ORDER BY id DESC LIMIT {cap})
) AS event

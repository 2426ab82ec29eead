-- The position of a shard: its latest checkpoint by (epoch, seq), with what tells whether it is of this
-- history.
SELECT checkpoint.lo::text, checkpoint.hi::text, checkpoint.pos, coalesce(checkpoint.published, 0),
       (SELECT token::text FROM {schema}outbox_incarnation LIMIT 1), pg_current_snapshot()::text,
       checkpoint.created_at::text
FROM (SELECT) AS one
LEFT JOIN LATERAL (
    SELECT lo, hi, pos, published, created_at FROM {schema}outbox_checkpoint
    WHERE shard_id = %(shard)s ORDER BY epoch DESC, seq DESC LIMIT 1
) AS checkpoint ON true

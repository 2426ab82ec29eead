-- The position of a shard, whether it is proven, and the incarnation token.
SELECT lo::text, hi::text, pos, coalesce(published, 0), stored_at::text, proven,
       (SELECT token::text FROM {schema}outbox_incarnation LIMIT 1)
FROM {schema}outbox_position WHERE shard_id = %(shard)s

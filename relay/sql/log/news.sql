-- The question of a relay whose shards are idle: the buckets of at most %(most)s events that are not visible in a
-- snapshot and visible now, with the snapshot and the incarnation token of this statement, and whether the release of a
-- hold is due.
SELECT pg_current_snapshot()::text, (SELECT token::text FROM {schema}outbox_incarnation LIMIT 1),
       ARRAY (
           (SELECT bucket FROM {schema}outbox_event WHERE xid >= %(xmax)s::text::xid8 LIMIT %(most)s)
           UNION ALL
           (SELECT bucket FROM {schema}outbox_event WHERE xid = ANY (%(xip)s::text[]::xid8[]) LIMIT %(most)s)
       ),
       EXISTS (SELECT FROM {schema}outbox_hold WHERE release_at <= clock_timestamp())

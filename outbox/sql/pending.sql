-- The events that wait to be published: about the {cap} oldest of each shard. Position (lo, hi, pos): see
-- Checkpoint. They are not visible in the upper snapshot, or belong to the rest of a pinned window. Every
-- branch reads the (xid, id) index or the primary key in order and up to a limit, so the cost does not grow
-- with the backlog.
WITH position AS MATERIALIZED (
    SELECT shard_id AS shard, first_bucket, last_bucket, lo, hi, pos, coalesce(hi, lo) AS upper,
           (SELECT id FROM {schema}outbox_event WHERE hi IS NOT NULL AND xid >= pg_snapshot_xmax(lo) ORDER BY xid LIMIT 1) AS head
    FROM (SELECT shard_id, first_bucket, last_bucket, coalesce(lo, '1:1:') AS lo, hi, pos FROM {schema}outbox_position) AS stored
)
SELECT position.shard, event.id, event.created_at
FROM position
CROSS JOIN LATERAL (
    -- Transactions that were open when lo was taken and have committed into the window. Here and below, id + 0
    -- stops the planner from searching along the primary key: it prefers that if it believes the table to be
    -- nearly empty.
    (SELECT id, created_at FROM {schema}outbox_event
     WHERE hi IS NOT NULL AND xid = ANY (ARRAY(SELECT pg_snapshot_xip(lo))) AND pg_visible_in_snapshot(xid, hi)
       AND id + 0 > pos AND bucket BETWEEN first_bucket AND last_bucket
     ORDER BY xid LIMIT {cap})
    UNION ALL
    -- The window behind pos, along the primary key.
    (SELECT id, created_at
     FROM (SELECT id, xid, bucket, created_at FROM {schema}outbox_event
           WHERE pos >= head AND id > pos
           ORDER BY id LIMIT 2 * {cap} * 256 / (last_bucket - first_bucket + 1)) AS ahead
     WHERE xid >= pg_snapshot_xmax(lo) AND pg_visible_in_snapshot(xid, hi)
       AND bucket BETWEEN first_bucket AND last_bucket
     LIMIT {cap})
    UNION ALL
    -- The same while pos is still among old ids of late commits: there the primary key has many published
    -- rows.
    (SELECT id, created_at FROM {schema}outbox_event
     WHERE pos < head AND xid >= pg_snapshot_xmax(lo) AND xid < pg_snapshot_xmax(hi) AND pg_visible_in_snapshot(xid, hi)
       AND id + 0 > pos AND bucket BETWEEN first_bucket AND last_bucket
     ORDER BY xid LIMIT {cap})
    UNION ALL
    -- What was committed since then.
    (SELECT id, created_at FROM {schema}outbox_event
     WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip(upper))) AND bucket BETWEEN first_bucket AND last_bucket
     ORDER BY xid LIMIT {cap})
    UNION ALL
    (SELECT id, created_at FROM {schema}outbox_event
     WHERE xid >= pg_snapshot_xmax(upper) AND bucket BETWEEN first_bucket AND last_bucket
     ORDER BY xid LIMIT {cap})
    LIMIT {cap}
) AS event

-- Events among which are the {cap} of each shard that were published last: the caller drops what is not
-- (stragglers, held ones).
SELECT event.id
FROM {schema}outbox_position
CROSS JOIN LATERAL (
    (SELECT id FROM {schema}outbox_event
     WHERE xid < pg_snapshot_xmax(lo) AND bucket BETWEEN first_bucket AND last_bucket
     ORDER BY xid DESC LIMIT {cap})
    UNION
    (SELECT id FROM {schema}outbox_event
     WHERE id <= pos AND bucket BETWEEN first_bucket AND last_bucket
     ORDER BY id DESC LIMIT {cap})
) AS event

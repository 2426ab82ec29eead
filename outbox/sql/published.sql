-- Events among which are the {cap} of each shard that were published last: the caller drops what is not
-- (stragglers). Held ones are passed over, {reach} of them at most.
SELECT event.id
FROM {schema}outbox_position
CROSS JOIN LATERAL (
    (SELECT id FROM (
         SELECT id FROM {schema}outbox_event
         WHERE xid < pg_snapshot_xmax(lo) AND bucket BETWEEN first_bucket AND last_bucket
         ORDER BY xid DESC LIMIT {reach}) AS newest
     WHERE NOT EXISTS (SELECT FROM {schema}outbox_held WHERE event_id = newest.id)
     LIMIT {cap})
    UNION
    (SELECT id FROM (
         SELECT id FROM {schema}outbox_event
         WHERE id <= pos AND bucket BETWEEN first_bucket AND last_bucket
         ORDER BY id DESC LIMIT {reach}) AS newest
     WHERE NOT EXISTS (SELECT FROM {schema}outbox_held WHERE event_id = newest.id)
     LIMIT {cap})
) AS event

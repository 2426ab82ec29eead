-- Events that include the {cap} last published ones of each shard. The caller drops the others (late
-- commits). It skips held events, at most {reach} of them.
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

-- A page of the log along the primary key, with the status of each event at this moment, and the last id that
-- was read. An event is published once its shard's position covers it and no hold has it. The hold of a replay
-- does not count: Kafka must have what is sent again. The positions are read once for each page. The caller may
-- leave out events that it knows already.
WITH position AS MATERIALIZED (
    SELECT first_bucket, last_bucket, lo, hi, pos FROM {schema}outbox_position
), page AS MATERIALIZED (
    SELECT id, xid, bucket, topic, source, created_at
    FROM {schema}outbox_event WHERE id > %(after)s {unknown}ORDER BY id LIMIT %(rows)s
)
SELECT page.id, page.topic, page.source,
       to_char(page.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       CASE WHEN held.discarded_at IS NOT NULL THEN 'discarded'
            WHEN held.event_id IS NOT NULL AND hold.scope IS DISTINCT FROM 'replay' THEN 'held'
            WHEN pg_visible_in_snapshot(page.xid, lo) OR (page.id <= pos AND pg_visible_in_snapshot(page.xid, hi)) THEN 'published'
            ELSE 'pending'
       END
FROM page
LEFT JOIN position ON page.bucket BETWEEN first_bucket AND last_bucket
LEFT JOIN {schema}outbox_held AS held ON held.event_id = page.id
LEFT JOIN {schema}outbox_hold AS hold ON hold.id = held.hold_id
ORDER BY page.id

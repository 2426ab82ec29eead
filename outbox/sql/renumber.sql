-- Gives all shards the same position, the snapshot of this transaction (the caller adds the statement, or
-- only counts). A row among "concerned" that its position does not cover gets this transaction's id, which
-- the snapshot does not see. A row that is covered but that the snapshot would not see gets the id of a very
-- old transaction. Held rows stay held, whatever their age. margin: rows younger than their position minus so
-- many seconds count as not covered. NULL: age does not matter.
WITH position AS MATERIALIZED (
    SELECT first_bucket, last_bucket, lo, hi, pos, stored_at FROM {schema}outbox_position
), judged AS (
    SELECT event.id, event.xid,
           coalesce((pg_visible_in_snapshot(event.xid, lo)
                     OR (pg_visible_in_snapshot(event.xid, hi) AND event.id <= pos))
                    AND (%(margin)s::float IS NULL
                         OR event.created_at < stored_at - make_interval(secs => %(margin)s::float)), false)
           OR EXISTS (SELECT FROM {schema}outbox_held WHERE outbox_held.event_id = event.id) AS covered
    FROM {schema}outbox_event AS event
    JOIN position ON event.bucket BETWEEN position.first_bucket AND position.last_bucket
), concerned AS (
    SELECT id, covered FROM judged WHERE NOT (covered AND pg_visible_in_snapshot(xid, %(now)s::pg_snapshot))
)

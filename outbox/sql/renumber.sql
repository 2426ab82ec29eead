-- What has to be done (the caller says it, or only counts) about each row among "concerned" to make the
-- positions of all shards the same one, the snapshot of this very transaction: what they do not cover gets
-- the transaction's id, which that snapshot does not see, and what they cover but it would not see gets the
-- id of a transaction of long ago. What is held stays so, whatever its age: every position is beyond it.
-- margin: what is younger than its position less so many seconds counts as not covered; NULL: whatever its
-- age.
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

-- The next piece of the log's head: of the {chunk} rows behind %(after)s, in the order of the primary key,
-- those that are published, old enough and not held. Rows that another prune is at are left to it, so that
-- neither waits; and so are those that a rebase has made unpublished since this statement began (their new
-- transaction id is none that it can see). One row comes back: how many went (or would go), the last id that
-- was looked at, and whether anything there was old enough, so that looking on makes sense.
WITH position AS MATERIALIZED (
    SELECT first_bucket, last_bucket, lo, hi, pos
    FROM {schema}outbox_position WHERE proven
), piece AS MATERIALIZED (
    SELECT id, xid, bucket, created_at FROM {schema}outbox_event WHERE id > %(after)s ORDER BY id LIMIT {chunk}
), ripe AS MATERIALIZED (
    SELECT piece.id
    FROM piece JOIN position ON bucket BETWEEN first_bucket AND last_bucket
    WHERE created_at < %(before)s
      AND (pg_visible_in_snapshot(xid, lo) OR (id <= pos AND pg_visible_in_snapshot(xid, hi)))
      AND NOT EXISTS (SELECT FROM {schema}outbox_held WHERE event_id = piece.id AND discarded_at IS NULL)
), locked AS MATERIALIZED (
    SELECT id FROM {schema}outbox_event
    WHERE NOT %(dry_run)s AND id = ANY (ARRAY(SELECT id FROM ripe))
      AND pg_visible_in_snapshot(xid, pg_current_snapshot())
    ORDER BY id FOR UPDATE SKIP LOCKED
), discarded AS (
    DELETE FROM {schema}outbox_held WHERE event_id = ANY (ARRAY(SELECT id FROM locked)) AND discarded_at IS NOT NULL
), gone AS (
    DELETE FROM {schema}outbox_event WHERE id = ANY (ARRAY(SELECT id FROM locked)) RETURNING id
)
SELECT CASE WHEN %(dry_run)s THEN (SELECT count(*) FROM ripe) ELSE (SELECT count(*) FROM gone) END,
       (SELECT max(id) FROM piece),
       (SELECT bool_or(created_at < %(before)s) FROM piece)

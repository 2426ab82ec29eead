-- The next piece of the log's head: of the {chunk} rows behind %(after)s, in the order of the primary key,
-- those that are published, old enough and not held. Rows that another prune has locked are skipped, so that
-- no prune waits for another one. Rows that a rebase made unpublished since this statement began are skipped too, because it
-- cannot see their new transaction id. Returns one row: how many were (or would be) deleted, the last id that
-- was checked, and whether anything was old enough to continue.
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

-- Ends a hold behind which nothing waits any more. Run after the row is locked FOR UPDATE, in a statement of
-- its own, so that what another shard held meanwhile is seen.
WITH lifted AS (
    DELETE FROM {schema}outbox_hold
    WHERE id = %(hold)s AND release_at <= clock_timestamp()
      AND NOT EXISTS (SELECT FROM {schema}outbox_held WHERE hold_id = %(hold)s AND discarded_at IS NULL)
    RETURNING id
), kept AS (
    UPDATE {schema}outbox_held SET hold_id = NULL WHERE hold_id IN (SELECT id FROM lifted)
)
SELECT id FROM lifted

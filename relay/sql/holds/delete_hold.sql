-- Ends a hold without waiting events. Run it as a separate statement after the row is locked FOR UPDATE, so
-- that it sees events that another shard held meanwhile.
WITH ended AS (
    DELETE FROM {schema}outbox_hold
    WHERE id = %(hold)s AND release_at <= clock_timestamp()
      AND NOT EXISTS (SELECT FROM {schema}outbox_held WHERE hold_id = %(hold)s AND discarded_at IS NULL)
    RETURNING id
), kept AS (
    UPDATE {schema}outbox_held SET hold_id = NULL WHERE hold_id IN (SELECT id FROM ended)
)
SELECT id FROM ended

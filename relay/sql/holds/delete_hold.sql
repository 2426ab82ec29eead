-- Ends a hold without waiting events. Run it as a separate statement after the row is locked FOR UPDATE, so
-- that it sees events that another shard held meanwhile. An event that outbox_prune deleted while a replay
-- put it there does not wait.
WITH ended AS (
    DELETE FROM {schema}outbox_hold
    WHERE id = %(hold)s AND release_at <= clock_timestamp()
      AND NOT EXISTS (SELECT FROM {schema}outbox_held AS held JOIN {schema}outbox_event AS event ON event.id = held.event_id
                      WHERE held.hold_id = %(hold)s AND held.discarded_at IS NULL)
    RETURNING id
), gone AS (
    DELETE FROM {schema}outbox_held WHERE hold_id IN (SELECT id FROM ended) AND discarded_at IS NULL
), kept AS (
    UPDATE {schema}outbox_held SET hold_id = NULL
    WHERE hold_id IN (SELECT id FROM ended) AND discarded_at IS NOT NULL
)
SELECT id FROM ended

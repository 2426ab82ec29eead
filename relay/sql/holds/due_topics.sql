-- The topics that could not be written and whose next attempt is due, so that one question to the broker
-- covers all.
SELECT DISTINCT topic FROM {schema}outbox_hold
WHERE release_at <= clock_timestamp() AND scope = 'topic'
    AND reason IN ('topic-missing', 'topic-forbidden', 'not-enough-replicas')
LIMIT 1000

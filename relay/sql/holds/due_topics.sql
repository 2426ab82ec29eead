-- The topics that could not be written and are to be tried again, so that the broker is asked for all at once.
SELECT DISTINCT topic FROM {schema}outbox_hold
WHERE release_at <= clock_timestamp() AND scope = 'topic' AND reason IN ('topic-missing', 'topic-forbidden')
LIMIT 1000

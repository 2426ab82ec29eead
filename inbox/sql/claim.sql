-- Records events as handled, and returns those that were not recorded before. It waits for another transaction that
-- is recording the same event.
INSERT INTO inbox_processed (consumer, source, event_id)
SELECT %(consumer)s, delivered.source, delivered.event_id
FROM json_to_recordset(%(events)s) AS delivered (source text, event_id text)
ON CONFLICT DO NOTHING
RETURNING source, event_id

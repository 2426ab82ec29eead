-- Which of these events has nobody handled yet? Records that they are handled now, and waits for another
-- transaction that is about to say so of the same event.
INSERT INTO inbox_processed (consumer, source, event_id)
SELECT %(consumer)s, delivered.source, delivered.event_id
FROM json_to_recordset(%(events)s) AS delivered (source text, event_id text)
ON CONFLICT DO NOTHING
RETURNING source, event_id

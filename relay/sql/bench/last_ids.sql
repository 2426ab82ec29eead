-- The last event of each bucket of a topic: where these are published, all are.
SELECT max(id) FROM {schema}outbox_event WHERE id > %(after)s AND topic = %(topic)s GROUP BY bucket

-- The events of a topic of outbox_bench. Only ids behind its start are read.
DELETE FROM {schema}outbox_event WHERE id > %(after)s AND topic = %(topic)s

-- How many of these events the log still has. They are the bits of a page of ids.
SELECT count(*) FROM {schema}outbox_event
WHERE id >= %(first)s AND id < %(end)s AND get_bit(%(ids)s, (id - %(first)s)::int) = 1

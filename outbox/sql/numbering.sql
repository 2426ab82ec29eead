-- The largest id of the log, and then the value of its sequence. The order matters, because other sessions
-- insert meanwhile.
SELECT coalesce((SELECT max(id) FROM {schema}outbox_event), 0), last_value + is_called::int FROM {sequence}

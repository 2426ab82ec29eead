-- The largest id of the log and how far its sequence is; in this order, as others insert meanwhile.
SELECT coalesce((SELECT max(id) FROM {schema}outbox_event), 0), last_value + is_called::int FROM {sequence}

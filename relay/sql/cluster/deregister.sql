-- Removes this relay, and relays without a heartbeat for a day.
DELETE FROM {schema}outbox_relay WHERE id = %(id)s::uuid OR heartbeat_at < clock_timestamp() - interval '1 day'

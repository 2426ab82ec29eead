-- Relays that said goodbye or have been silent for a day leave the table.
DELETE FROM {schema}outbox_relay WHERE id = %(id)s::uuid OR heartbeat_at < clock_timestamp() - interval '1 day'

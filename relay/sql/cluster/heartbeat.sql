INSERT INTO {schema}outbox_relay (id, host, pid, state, detail)
VALUES (%(id)s::uuid, %(host)s, %(pid)s, %(state)s, %(detail)s)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, detail = excluded.detail, heartbeat_at = clock_timestamp()

INSERT INTO {schema}outbox_relay (id, host, pid, state, detail)
VALUES (%(id)s::uuid, %(host)s, %(pid)s, %(state)s, %(detail)s)
ON CONFLICT (id) DO UPDATE SET
    state_since = CASE WHEN outbox_relay.state = excluded.state THEN outbox_relay.state_since ELSE clock_timestamp() END,
    state = excluded.state, detail = excluded.detail, heartbeat_at = clock_timestamp()

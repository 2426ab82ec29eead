-- Writes the heartbeat of a process, and returns what its consumer must not handle, whether an operation waits to be
-- carried out, which partitions a person moves, and whether row level security may hide rows: an idle process has no
-- statement of its own for that. No row means that the process is not registered yet.
UPDATE inbox_consumer
SET state_since = CASE WHEN state = %(state)s THEN state_since ELSE statement_timestamp() END,
    state = %(state)s, detail = %(detail)s, member = %(member)s, partitions = %(partitions)s,
    reads = %(reads)s, in_hand = %(in_hand)s,
    handled = %(handled)s, heartbeat_at = statement_timestamp(),
    progress_at = CASE WHEN %(progress)s THEN statement_timestamp() ELSE progress_at END
WHERE id = %(id)s
RETURNING (SELECT coalesce(array_agg(topic), '{}') FROM inbox_pause WHERE inbox_pause.consumer = inbox_consumer.consumer),
          EXISTS (SELECT FROM inbox_operation WHERE inbox_operation.state = 'running'),
          (SELECT coalesce(jsonb_agg(jsonb_build_object(
                      'id', id, 'topic', selection ->> 'topic', 'left', options -> 'left') ORDER BY id), '[]')::text
           FROM inbox_operation
           WHERE inbox_operation.state = 'running' AND verb = 'seek' AND selection ->> 'consumer' = inbox_consumer.consumer),
          EXISTS (SELECT FROM unnest(%(tables)s::text[]) AS name WHERE row_security_active(to_regclass(quote_ident(name))))

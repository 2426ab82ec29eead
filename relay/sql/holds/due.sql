-- The next hold, by id, whose release is due. What waits for a key waits for the whole topic, too.
SELECT id, scope, topic, key, reason, extract(epoch FROM clock_timestamp() - created_at)::float8
FROM {schema}outbox_hold AS hold
WHERE release_at <= clock_timestamp() AND id > %(after)s
  AND (scope = 'topic'
       OR NOT EXISTS (SELECT FROM {schema}outbox_hold AS wider
                      WHERE wider.scope = 'topic' AND wider.topic = hold.topic))
ORDER BY id LIMIT 1

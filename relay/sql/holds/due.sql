-- The next hold, by id, whose release is due. The hold of a key also waits for the hold of its topic.
SELECT id, scope, topic, key, reason, extract(epoch FROM clock_timestamp() - created_at)::float8
FROM {schema}outbox_hold AS hold
WHERE release_at <= clock_timestamp() AND id > %(after)s
  AND (scope = 'topic'
       OR NOT EXISTS (SELECT FROM {schema}outbox_hold AS wider
                      WHERE wider.scope = 'topic' AND wider.topic = hold.topic))
ORDER BY id LIMIT 1

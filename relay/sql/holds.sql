-- The holds that any of these rows waits behind: by topic, by key of a topic, by event.
SELECT id, scope, topic, key, event_id FROM {schema}outbox_hold
WHERE (scope = 'topic' AND topic = ANY (%(topics)s::text[]))
   OR (scope = 'key' AND topic = ANY (%(topics)s::text[]) AND key = ANY (%(keys)s::text[]))
   OR (scope = 'event' AND event_id = ANY (%(ids)s::bigint[]))
ORDER BY id

-- A part of surroundings.sql: events of the same topic and key, by the optional index on keys.
(SELECT 'before', id, NULL FROM {schema}outbox_event
 WHERE id = ANY (ARRAY({downwards})) AND topic = %(topic)s AND key = %(key)s
 ORDER BY id DESC LIMIT {shown})
UNION ALL
(SELECT 'behind', id, NULL FROM {schema}outbox_event
 WHERE id = ANY (ARRAY({upwards})) AND topic = %(topic)s AND key = %(key)s
 ORDER BY id LIMIT {shown})

-- A part of surroundings.sql: events of the same topic and key, among the rows between its ends.
(SELECT 'before', id, NULL FROM {schema}outbox_event
 WHERE id < %(id)s AND id >= coalesce((SELECT first FROM ends), 0) AND topic = %(topic)s AND key = %(key)s
 ORDER BY id DESC LIMIT {shown})
UNION ALL
(SELECT 'behind', id, NULL FROM {schema}outbox_event
 WHERE id > %(id)s AND id <= coalesce((SELECT last FROM ends), 9223372036854775807)
   AND topic = %(topic)s AND key = %(key)s
 ORDER BY id LIMIT {shown})
UNION ALL
(SELECT 'more before', first, NULL FROM ends WHERE first IS NOT NULL)
UNION ALL
(SELECT 'more behind', last, NULL FROM ends WHERE last IS NOT NULL)

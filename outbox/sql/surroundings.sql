-- What surrounds an event: the ids of other events and how they relate to it, or where a search ended because there
-- are more rows ("more …"), and when its transaction was committed, if PostgreSQL tracks that. Each part reads up to
-- {near} rows and returns up to {shown}; the last ones find those before and behind it for its key. id + 0 keeps the
-- planner from searching a transaction along the primary key.
WITH ends AS MATERIALIZED (
    SELECT (SELECT id FROM {schema}outbox_event WHERE id < %(id)s ORDER BY id DESC OFFSET {near} - 1 LIMIT 1) AS first,
           (SELECT id FROM {schema}outbox_event WHERE id > %(id)s ORDER BY id OFFSET {near} - 1 LIMIT 1) AS last
)
SELECT 'committed' AS part, NULL::bigint AS id,
       CASE WHEN current_setting('track_commit_timestamp')::boolean
            THEN pg_xact_commit_timestamp(%(xid)s::text::xid8::xid) END AS at
UNION ALL
(SELECT 'transaction', id, NULL FROM (
    SELECT id FROM {schema}outbox_event WHERE xid = %(xid)s::text::xid8 AND id + 0 <> %(id)s LIMIT {near}
 ) AS same ORDER BY id LIMIT {shown})
UNION ALL
(SELECT 'cause', id, NULL FROM {schema}outbox_event WHERE event_id = %(cause)s::uuid)
UNION ALL
(SELECT 'effects', id, NULL FROM {schema}outbox_event
 WHERE id > %(id)s AND id <= coalesce((SELECT last FROM ends), 9223372036854775807)
   AND headers ->> 'causationid' = %(event_id)s
 ORDER BY id LIMIT {shown})
UNION ALL
(SELECT 'more effects', last, NULL FROM ends WHERE last IS NOT NULL)
UNION ALL
{of_key}

-- The next held events of a hold, in the order in which they were held, of the buckets of one shard. Those of
-- a replay go to the topic of the hold, with the id of the replay.
SELECT {row}
FROM (
    SELECT event.id, event.key, event.type, event.subject, event.content_type, event.event_id, event.payload,
           event.created_at, event.source, held.id AS place,
           CASE WHEN hold.scope = 'replay' THEN hold.topic ELSE event.topic END AS topic,
           CASE WHEN hold.scope = 'replay' THEN event.headers || jsonb_build_object('replay', hold.key)
                ELSE event.headers END AS headers,
           sum(coalesce(octet_length(payload), 0)) OVER (ORDER BY held.id ROWS UNBOUNDED PRECEDING) AS bytes
    FROM {schema}outbox_held AS held
    JOIN {schema}outbox_event AS event ON event.id = held.event_id
    JOIN {schema}outbox_hold AS hold ON hold.id = held.hold_id
    WHERE held.hold_id = %(hold)s AND held.discarded_at IS NULL AND held.bucket BETWEEN %(first)s AND %(last)s
    ORDER BY held.id LIMIT %(rows)s
) AS page
WHERE page.bytes - coalesce(octet_length(page.payload), 0) < %(bytes)s
ORDER BY page.place

-- The next held events of a hold, in the order in which they were held, of the buckets of one shard.
SELECT page.id, page.topic, page.key, page.type, page.subject, page.content_type, page.event_id::text, page.payload,
       page.headers::text, to_char(page.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), page.source
FROM (
    SELECT event.*, held.id AS place,
           sum(coalesce(octet_length(payload), 0)) OVER (ORDER BY held.id ROWS UNBOUNDED PRECEDING) AS bytes
    FROM {schema}outbox_held AS held
    JOIN {schema}outbox_event AS event ON event.id = held.event_id
    WHERE held.hold_id = %(hold)s AND held.discarded_at IS NULL AND held.bucket BETWEEN %(first)s AND %(last)s
    ORDER BY held.id LIMIT %(rows)s
) AS page
WHERE page.bytes - coalesce(octet_length(page.payload), 0) < %(bytes)s
ORDER BY page.place

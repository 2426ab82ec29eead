-- The next held events of a hold, in the order in which they were held, of the buckets of one shard.
SELECT {row}
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

-- The next rows of the log: not visible in lo, visible now; with the snapshot and the incarnation token of
-- this very statement. Two index scans on (xid) of at most %(scan)s rows each, which end where more than a
-- page is found: a backlog costs no more than a page, that of other shards not much more. The row at place
-- %(scan)s is kept whosever it is. "partial" means that not all was looked at, so that these rows may not be
-- the head of what is new.
SELECT now.hi, now.token, page.found, page.partial,
       page.id, page.topic, page.key, page.type, page.subject, page.content_type, page.event_id::text, page.payload,
       page.headers::text, to_char(page.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
FROM (
    SELECT pg_current_snapshot()::text AS hi, (SELECT token::text FROM {schema}outbox_incarnation LIMIT 1) AS token
) AS now
LEFT JOIN LATERAL (
    SELECT *, count(*) OVER () AS found,
           count(*) OVER () > %(rows)s OR max(place) OVER () >= %(scan)s AS partial,
           sum(coalesce(octet_length(payload), 0)) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS bytes
    FROM (
        SELECT * FROM (
            SELECT *, row_number() OVER () AS place
            FROM (
                (SELECT * FROM {schema}outbox_event WHERE xid >= %(xmax)s::text::xid8 LIMIT %(scan)s)
                UNION ALL
                (SELECT * FROM {schema}outbox_event WHERE xid = ANY (%(xip)s::text[]::xid8[]) LIMIT %(scan)s)
            ) AS new_rows
        ) AS numbered
        WHERE bucket BETWEEN %(first)s AND %(last)s OR place = %(scan)s
        LIMIT %(rows)s + 1
    ) AS window_rows
) AS page ON page.bytes - coalesce(octet_length(page.payload), 0) < %(bytes)s
ORDER BY page.id

-- The next rows of the log: not visible in lo, visible now; with the snapshot and the incarnation token of
-- this very statement. Two index scans on (xid); at most %(rows)s + 1 rows of each are read, so that a
-- backlog costs no more than a page. found > rows means that there is more than a page, and that these rows
-- are not its head.
SELECT now.hi, now.token, page.found,
       page.id, page.topic, page.key, page.type, page.subject, page.content_type, page.event_id::text, page.payload,
       page.headers::text, to_char(page.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
FROM (
    SELECT pg_current_snapshot()::text AS hi, (SELECT token::text FROM {schema}outbox_incarnation LIMIT 1) AS token
) AS now
LEFT JOIN LATERAL (
    SELECT *, count(*) OVER () AS found,
           sum(coalesce(octet_length(payload), 0)) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS bytes
    FROM (
        (SELECT * FROM {schema}outbox_event
         WHERE xid >= %(xmax)s::text::xid8 AND bucket BETWEEN %(first)s AND %(last)s
         LIMIT %(rows)s + 1)
        UNION ALL
        (SELECT * FROM {schema}outbox_event
         WHERE xid = ANY (%(xip)s::text[]::xid8[]) AND bucket BETWEEN %(first)s AND %(last)s
         LIMIT %(rows)s + 1)
    ) AS window_rows
) AS page ON page.bytes - coalesce(octet_length(page.payload), 0) < %(bytes)s
ORDER BY page.id

-- The next rows of the log, for the owner of all buckets: not visible in lo, visible now, with the snapshot and the
-- incarnation token of this statement. "partial": there are more than %(most)s rows, so none is read. Otherwise two
-- index scans on (xid, id) read them, and stop after more than a page. found > rows means that these rows are
-- not the head of the log.
WITH now AS MATERIALIZED (
    SELECT pg_current_snapshot()::text AS hi, (SELECT token::text FROM {schema}outbox_incarnation LIMIT 1) AS token,
           EXISTS (SELECT FROM {schema}outbox_event
                   WHERE xid >= %(xmax)s::text::xid8 OFFSET %(most)s)
           OR EXISTS (SELECT FROM {schema}outbox_event
                      WHERE xid = ANY (%(xip)s::text[]::xid8[]) OFFSET %(most)s) AS partial
)
SELECT {row},
       now.hi, now.token, now.partial, page.found
FROM now
LEFT JOIN LATERAL (
    SELECT *, count(*) OVER () AS found,
           sum(coalesce(octet_length(payload), 0)) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS bytes
    FROM (
        (SELECT * FROM {schema}outbox_event
         WHERE NOT now.partial AND xid >= %(xmax)s::text::xid8
         LIMIT %(rows)s + 1)
        UNION ALL
        (SELECT * FROM {schema}outbox_event
         WHERE NOT now.partial AND xid = ANY (%(xip)s::text[]::xid8[])
         LIMIT %(rows)s + 1)
    ) AS window_rows
) AS page ON page.bytes - coalesce(octet_length(page.payload), 0) < %(bytes)s
ORDER BY page.id

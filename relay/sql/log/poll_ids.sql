-- The ids of the next rows of the log, packed by bucket: not visible in lo, visible now, of the buckets of several shards,
-- with the snapshot and the incarnation token of this statement. "partial": there are more than %(most)s rows of any shard,
-- so none is read. Otherwise two index scans on (xid, id) read them.
WITH now AS MATERIALIZED (
    SELECT pg_current_snapshot()::text AS hi, (SELECT token::text FROM {schema}outbox_incarnation LIMIT 1) AS token,
           EXISTS (SELECT FROM {schema}outbox_event
                   WHERE xid >= %(xmax)s::text::xid8 OFFSET %(most)s)
           OR EXISTS (SELECT FROM {schema}outbox_event
                      WHERE xid = ANY (%(xip)s::text[]::xid8[]) OFFSET %(most)s) AS partial
)
SELECT now.hi, now.token, now.partial, found.bucket, found.ids
FROM now
LEFT JOIN LATERAL (
    SELECT bucket, string_agg(int8send(id), ''::bytea) AS ids
    FROM (
        (SELECT id, bucket FROM {schema}outbox_event
         WHERE NOT now.partial AND xid >= %(xmax)s::text::xid8)
        UNION ALL
        (SELECT id, bucket FROM {schema}outbox_event
         WHERE NOT now.partial AND xid = ANY (%(xip)s::text[]::xid8[]))
    ) AS log
    WHERE bucket BETWEEN %(first)s AND %(last)s
    GROUP BY bucket
) AS found ON true

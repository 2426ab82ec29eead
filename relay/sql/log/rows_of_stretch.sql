-- The rows of a shard that a stretch names. Whatever it names, only rows of the shard's own buckets and of its own window
-- come: not visible in lo, visible in hi. Rows from "beyond" on would be more than %(bytes)s bytes of payload.
-- The incarnation token is that of this statement. It looks up each id in the order of the
-- primary key: for equal ids, instead of BETWEEN and ORDER BY, the planner takes the index on (xid, id) where statistics are stale, and reads all of it.
WITH hits AS MATERIALIZED (
    SELECT event.*
    FROM unnest(%(ids)s::text::bigint[]) AS named (id)
    CROSS JOIN LATERAL (
        SELECT * FROM {schema}outbox_event WHERE id BETWEEN named.id AND named.id ORDER BY id LIMIT 1
    ) AS event
    WHERE bucket BETWEEN %(first)s AND %(last)s
      AND NOT pg_visible_in_snapshot(xid, (SELECT %(lo)s::text::pg_snapshot))
      AND pg_visible_in_snapshot(xid, (SELECT %(hi)s::text::pg_snapshot))
), extent AS MATERIALIZED (
    SELECT CASE WHEN sum(octet_length(payload)) > %(bytes)s THEN (
               SELECT min(id) FROM (
                   SELECT id, sum(octet_length(payload)) OVER (
                       ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
                   FROM hits
               ) AS running WHERE before >= %(bytes)s
           ) END AS beyond
    FROM hits
)
SELECT {row},
       extent.beyond, (SELECT token::text FROM {schema}outbox_incarnation LIMIT 1) AS token
FROM extent
LEFT JOIN hits AS page ON page.id < coalesce(extent.beyond, 9223372036854775807)
ORDER BY page.id

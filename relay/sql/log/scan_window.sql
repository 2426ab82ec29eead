-- The next page of a pinned window: rows behind pos along the primary key that are not visible in lo and
-- visible in hi. Reads at most %(scan)s rows of the table. "edge" is the last of them if they had less than a
-- page, otherwise NULL. "scanned" below scan then means the end of the table. "others" means that the window
-- had rows here, all of other shards. The CTEs are read in order and only as far as needed. The snapshots are
-- sub-selects, because otherwise each row would parse them.
WITH chunk AS MATERIALIZED (
    SELECT id, xid, bucket FROM {schema}outbox_event WHERE id > %(pos)s ORDER BY id LIMIT %(scan)s
), hits AS MATERIALIZED (
    SELECT id FROM chunk
    WHERE bucket BETWEEN %(first)s AND %(last)s
      AND NOT pg_visible_in_snapshot(xid, (SELECT %(lo)s::text::pg_snapshot))
      AND pg_visible_in_snapshot(xid, (SELECT %(hi)s::text::pg_snapshot))
    LIMIT %(rows)s
), extent AS (
    SELECT count(*) AS found,
           CASE WHEN count(*) < %(rows)s THEN (SELECT count(*) FROM chunk) END AS scanned,
           CASE WHEN count(*) < %(rows)s THEN (SELECT max(id) FROM chunk) END AS edge,
           CASE WHEN count(*) = 0 THEN (
               SELECT bool_or(NOT pg_visible_in_snapshot(xid, (SELECT %(lo)s::text::pg_snapshot))
                              AND pg_visible_in_snapshot(xid, (SELECT %(hi)s::text::pg_snapshot))) FROM chunk
           ) END AS others
    FROM hits
)
SELECT {row},
       extent.found, extent.scanned, extent.edge, extent.others
FROM extent
LEFT JOIN LATERAL (
    SELECT event.*,
           sum(coalesce(octet_length(payload), 0)) OVER (ORDER BY event.id ROWS UNBOUNDED PRECEDING) AS bytes
    FROM hits JOIN {schema}outbox_event AS event USING (id)
) AS page ON page.bytes - coalesce(octet_length(page.payload), 0) < %(bytes)s
ORDER BY page.id

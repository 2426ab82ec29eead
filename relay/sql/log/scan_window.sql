-- The next page of a pinned window, for the owner of all buckets: rows behind pos along the primary key that are not visible
-- in lo and visible in hi. Reads at most %(scan)s rows of the table. "scanned" and "edge" are how many it read and the last
-- of them, if they had less than a page. "scanned" below scan then means the end of the table. Rows from "beyond" on would
-- be more than %(bytes)s bytes of payload. The CTEs are read in order and only as far as needed. The snapshots are
-- sub-selects, because otherwise each row would parse them.
WITH hits AS MATERIALIZED (
    SELECT * FROM (
        SELECT * FROM {schema}outbox_event WHERE id > %(pos)s ORDER BY id LIMIT %(scan)s
    ) AS chunk
    WHERE NOT pg_visible_in_snapshot(xid, (SELECT %(lo)s::text::pg_snapshot))
      AND pg_visible_in_snapshot(xid, (SELECT %(hi)s::text::pg_snapshot))
    LIMIT %(rows)s
), extent AS MATERIALIZED (
    SELECT count(*) AS found,
           CASE WHEN count(*) < %(rows)s THEN (
               SELECT ARRAY [count(*), max(id)] FROM (
                   SELECT id FROM {schema}outbox_event WHERE id > %(pos)s ORDER BY id LIMIT %(scan)s
               ) AS chunk
           ) END AS read,
           CASE WHEN sum(octet_length(payload)) > %(bytes)s THEN (
               SELECT min(id) FROM (
                   SELECT id, sum(octet_length(payload)) OVER (
                       ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
                   FROM hits
               ) AS running WHERE before >= %(bytes)s
           ) END AS beyond
    FROM hits
)
SELECT {row},
       extent.found, extent.read[1] AS scanned, extent.read[2] AS edge
FROM extent
LEFT JOIN hits AS page ON page.id < coalesce(extent.beyond, 9223372036854775807)
ORDER BY page.id

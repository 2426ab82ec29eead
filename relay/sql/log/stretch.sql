-- The ids of a stretch of a pinned window, packed by bucket: rows behind pos along the primary key that are not visible in
-- lo and visible in hi. Reads at most %(scan)s rows of the table, each once: "scanned" and "edge" are how many of a bucket
-- there were, and the last of them. "others" means that the window has rows here of buckets that were not asked for. The
-- snapshots are sub-selects, because otherwise each row would parse them.
SELECT chunk.bucket, count(*) AS scanned, max(chunk.id) AS edge,
       string_agg(int8send(chunk.id), ''::bytea) FILTER (
           WHERE chunk.bucket BETWEEN %(first)s AND %(last)s
             AND NOT pg_visible_in_snapshot(xid, (SELECT %(lo)s::text::pg_snapshot))
             AND pg_visible_in_snapshot(xid, (SELECT %(hi)s::text::pg_snapshot))) AS ids,
       bool_or(NOT pg_visible_in_snapshot(xid, (SELECT %(lo)s::text::pg_snapshot))
               AND pg_visible_in_snapshot(xid, (SELECT %(hi)s::text::pg_snapshot))) FILTER (
           WHERE chunk.bucket NOT BETWEEN %(first)s AND %(last)s) AS others
FROM (
    SELECT id, xid, bucket FROM {schema}outbox_event WHERE id > %(pos)s ORDER BY id LIMIT %(scan)s
) AS chunk
GROUP BY chunk.bucket

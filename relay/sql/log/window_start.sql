-- Reads a piece of the (xid, id) index for each span: entries behind (xid, id), in transactions before
-- "until". Returns for each the smallest id of the window behind pos, the number of entries, and the last
-- entry. The upper snapshot is a sub-select, because otherwise each row would parse it.
SELECT looked_up.*
FROM unnest(%(xids)s::text[]::xid8[], %(ids)s::bigint[], %(untils)s::text[]::xid8[])
     WITH ORDINALITY AS span (xid, id, until, place)
CROSS JOIN LATERAL (
    WITH piece AS MATERIALIZED (
        SELECT xid, id, bucket FROM {schema}outbox_event
        WHERE (xid, id) > (span.xid, span.id) AND xid < span.until
        ORDER BY xid, id LIMIT %(piece)s
    )
    SELECT (SELECT min(id) FROM piece
            WHERE id > %(pos)s
              AND bucket BETWEEN %(first)s AND %(last)s
              AND pg_visible_in_snapshot(xid, (SELECT %(hi)s::text::pg_snapshot))),
           (SELECT count(*) FROM piece),
           last.xid::text, last.id
    FROM (SELECT) AS one
    LEFT JOIN (SELECT xid, id FROM piece ORDER BY xid DESC, id DESC LIMIT 1) AS last ON true
) AS looked_up
ORDER BY span.place

-- A piece of the (xid) index from %(xid)s on: the smallest id behind pos among its rows of the window, how
-- many entries were read, and the last xid among them. Transactions below %(xid)s that belong to the window
-- as well are asked for by name, in xip.
WITH piece AS MATERIALIZED (
    SELECT id, xid, bucket FROM {schema}outbox_event
    WHERE xid >= %(xid)s::text::xid8 AND xid < pg_snapshot_xmax(%(hi)s::text::pg_snapshot)
    ORDER BY xid LIMIT %(piece)s
)
SELECT (SELECT min(id)
        FROM (SELECT * FROM piece
              UNION ALL
              SELECT id, xid, bucket FROM {schema}outbox_event
              WHERE xid = ANY (%(xip)s::text[]::xid8[])) AS candidate
        WHERE id > %(pos)s
          AND bucket BETWEEN %(first)s AND %(last)s
          AND pg_visible_in_snapshot(xid, %(hi)s::text::pg_snapshot)),
       (SELECT count(*) FROM piece),
       (SELECT xid::text FROM piece ORDER BY piece.xid DESC LIMIT 1)

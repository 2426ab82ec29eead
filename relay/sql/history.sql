-- Whether a position is of this database's history. Three signs that it is not: rows written by transactions
-- that are yet to come; a transaction open now that the position says was complete; a row that the position
-- covers and that is younger than the position.
SELECT (SELECT count(*) FROM (
            SELECT FROM {schema}outbox_event
            WHERE xid >= (SELECT pg_snapshot_xmax(pg_current_snapshot())) LIMIT 1
        ) AS future),
       (SELECT count(*) FROM pg_snapshot_xip(%(now)s::text::pg_snapshot) AS open (xid)
        WHERE pg_visible_in_snapshot(open.xid, %(seen)s::text::pg_snapshot)),
       (SELECT count(*) FROM (
            SELECT xid, bucket, created_at FROM {schema}outbox_event
            WHERE xid < %(lo_xmax)s::text::xid8 ORDER BY xid DESC LIMIT 1000
        ) AS recent
        WHERE pg_visible_in_snapshot(xid, %(lo)s::text::pg_snapshot)
          AND bucket BETWEEN %(first)s AND %(last)s
          AND created_at > %(stored_at)s::text::timestamptz + make_interval(secs => %(tolerance)s))

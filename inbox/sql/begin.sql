-- Begins a unit of work: stores the offsets, then claims the events. The row in inbox_unit refers to a row that does
-- not exist. PostgreSQL checks that at the COMMIT, so the COMMIT fails unless the inbox has deleted the row before: no
-- handler can commit. The join reads the offsets first, so all of them are locked before the first event is claimed:
-- processes with the same partitions wait there, and cannot deadlock. It returns the isolation level: at another one
-- than READ COMMITTED a statement would not see what another process committed since the transaction began. It returns
-- whether row level security may hide rows. Nobody can switch that on later in this transaction, because this statement
-- locks the tables until its end. The claimed events are returned only if they are fewer than the given ones. Whether
-- events are held is as of the beginning of the statement: enough if all are claimed, because then no other process has
-- handled one of them meanwhile.
WITH unit AS (
    INSERT INTO inbox_unit (id, ended_by_id) VALUES (%(unit)s, 0)
), moved AS (
    \i advance.sql
    RETURNING stored.topic
), claimed AS (
    \i claim.sql
)
SELECT begun.moved, begun.isolation, begun.hides, counted.events, counted.any_held, claimed.source, claimed.event_id
FROM (
    SELECT count(*) AS moved,
           CASE WHEN set_config('idle_in_transaction_session_timeout', %(idle)s, true) IS NOT NULL
                THEN current_setting('transaction_isolation') END AS isolation,
           row_security_active('inbox_held'::regclass) OR row_security_active('inbox_offset'::regclass)
               OR row_security_active('inbox_processed'::regclass) OR row_security_active('inbox_unit'::regclass) AS hides
    FROM moved
) AS begun
CROSS JOIN LATERAL (
    SELECT count(*) AS events,
           EXISTS (SELECT FROM inbox_held WHERE consumer = %(consumer)s AND discarded_at IS NULL) AS any_held
    FROM claimed
    WHERE begun.moved >= 0
) AS counted
LEFT JOIN claimed ON counted.events < %(events_count)s

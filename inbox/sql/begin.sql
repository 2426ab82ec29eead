-- Begins a unit of work: stores the offsets, then claims the events. The row in inbox_unit refers to a row that does
-- not exist. PostgreSQL checks that at the COMMIT, so the COMMIT fails unless the inbox has deleted the row before: no
-- handler can commit. The join reads the offsets first, so all of them are locked before the first event is claimed:
-- processes with the same partitions wait there, and cannot deadlock. It returns the isolation level: at another one
-- than READ COMMITTED a statement would not see what another process committed since the transaction began.
WITH unit AS (
    INSERT INTO inbox_unit (id, ended_by_id) VALUES (%(unit)s, 0)
), moved AS (
    \i advance.sql
    RETURNING stored.topic
), claimed AS (
    \i claim.sql
)
SELECT begun.moved, begun.isolation, claimed.source, claimed.event_id
FROM (
    SELECT count(*) AS moved,
           CASE WHEN set_config('idle_in_transaction_session_timeout', %(idle)s, true) IS NOT NULL
                THEN current_setting('transaction_isolation') END AS isolation
    FROM moved
) AS begun
LEFT JOIN claimed ON true

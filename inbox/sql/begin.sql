-- Begins a unit of work: stores how far the consumer is, then claims the events. Its row in inbox_unit refers to one
-- that is not there, which is checked at the COMMIT: unless the inbox has deleted it by then, the COMMIT fails. So
-- nobody else can commit the transaction. All offsets are locked before the first event is claimed, as the join reads
-- them first: whoever has the same partitions waits there, and no two of them wait for each other.
WITH unit AS (
    INSERT INTO inbox_unit (id, ended_by_id) VALUES (%(unit)s, 0)
), moved AS (
    \i advance.sql
    RETURNING stored.topic
), claimed AS (
    \i claim.sql
)
SELECT begun.moved, begun.idle, claimed.source, claimed.event_id
FROM (
    SELECT count(*) AS moved, set_config('idle_in_transaction_session_timeout', %(idle)s, true) AS idle FROM moved
) AS begun
LEFT JOIN claimed ON true

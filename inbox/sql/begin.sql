-- Begins a unit of work. Its row refers to one that is not there, which is checked at the COMMIT: unless the
-- inbox has deleted the row by then, the COMMIT fails. So nobody else can commit the transaction.
WITH unit AS (
    INSERT INTO inbox_unit (id, ended_by_id) VALUES (%(unit)s, 0) RETURNING id
)
SELECT set_config('idle_in_transaction_session_timeout', %(idle)s, true) FROM unit

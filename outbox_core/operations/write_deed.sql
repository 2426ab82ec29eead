-- Adds a deed of a process to the row of its incident, or begins a new row. A row with several deeds describes the
-- group of them; one with a single deed names its key and its event.
WITH added AS (
    UPDATE {ledger}
    SET count = count + %(count)s, last_at = clock_timestamp(), scope = %(group)s, selection = %(common)s::jsonb,
        reason = %(reason)s
    WHERE id = %(row)s AND who = %(who)s AND verb = %(verb)s AND count < %(most)s
      AND at > clock_timestamp() - make_interval(secs => %(seconds)s)
    RETURNING id
), begun AS (
    INSERT INTO {ledger} (at, last_at, who, automatic, verb, scope, selection, reason, count, outcome, before)
    SELECT clock_timestamp(), clock_timestamp(), %(who)s, true, %(verb)s, %(scope)s, %(selection)s::jsonb,
           %(reason)s, %(count)s, %(outcome)s, %(before)s
    WHERE NOT EXISTS (SELECT FROM added)
    RETURNING id
)
SELECT id FROM added UNION ALL SELECT id FROM begun

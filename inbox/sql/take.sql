-- What waits of these keys, whose locks are ours, in order: a new statement sees what came before the locks.
SELECT parked.*
FROM unnest(%(lanes)s::bigint[]) AS keys (lane)
CROSS JOIN LATERAL (
    SELECT *
    FROM inbox_parked
    WHERE consumer = %(consumer)s AND lane = keys.lane AND discarded_at IS NULL
    ORDER BY id
    LIMIT %(rows)s
) AS parked
UNION ALL
SELECT *
FROM inbox_parked
WHERE id = ANY (%(ids)s) AND lane IS NULL AND discarded_at IS NULL

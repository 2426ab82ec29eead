-- The waiting events of keys that this session has locked, in order. It is a separate statement, so that it sees events
-- that were held before the locks were granted.
SELECT held.*
FROM unnest(%(key_hashes)s::bigint[]) AS keys (key_hash)
CROSS JOIN LATERAL (
    SELECT *
    FROM inbox_held
    WHERE consumer = %(consumer)s AND key_hash = keys.key_hash AND discarded_at IS NULL
    ORDER BY id
    LIMIT %(rows)s
) AS held
UNION ALL
SELECT *
FROM inbox_held
WHERE id = ANY (%(ids)s) AND key_hash IS NULL AND discarded_at IS NULL

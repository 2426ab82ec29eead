-- The waiting events of keys that this session has locked, in order. A key counts only if its first event is due, or if
-- begun: this session has begun to try it. Another process may have tried it since the caller found it due. It is a
-- separate statement, so that it sees events that were held before the locks were granted.
SELECT held.*
FROM unnest(%(key_hashes)s::bigint[]) AS keys (key_hash)
CROSS JOIN LATERAL (
    SELECT retry_at
    FROM inbox_held
    WHERE consumer = %(consumer)s AND key_hash = keys.key_hash AND discarded_at IS NULL
    ORDER BY id
    LIMIT 1
) AS first
CROSS JOIN LATERAL (
    SELECT *
    FROM inbox_held
    WHERE consumer = %(consumer)s AND key_hash = keys.key_hash AND discarded_at IS NULL
    ORDER BY id
    LIMIT %(rows)s
) AS held
WHERE %(begun)s OR first.retry_at <= clock_timestamp() + make_interval(secs => %(ahead)s)
UNION ALL
SELECT *
FROM inbox_held
WHERE id = ANY (%(ids)s) AND key_hash IS NULL AND discarded_at IS NULL
  AND (%(begun)s OR retry_at <= clock_timestamp() + make_interval(secs => %(ahead)s))

-- Makes the first event of each of these keys due, unless a person must decide about it.
UPDATE inbox_held
SET retry_at = clock_timestamp()
FROM unnest(%(consumers)s::text[], %(key_hashes)s::bigint[]) AS keys (consumer, key_hash)
CROSS JOIN LATERAL (
    SELECT id
    FROM inbox_held
    WHERE consumer = keys.consumer AND key_hash = keys.key_hash AND discarded_at IS NULL
    ORDER BY id
    LIMIT 1
) AS first
WHERE inbox_held.id = first.id
  AND inbox_held.retry_at IS NULL
  AND (inbox_held.error = '' OR inbox_held.released_at IS NOT NULL)

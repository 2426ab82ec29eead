-- Makes the first event of each of these keys due, and releases other failed events for when they are the first.
-- Returns how many events wait in all.
WITH keys AS MATERIALIZED (
    SELECT given.consumer, given.key_hash, first.id AS first
    FROM unnest(%(consumers)s::text[], %(key_hashes)s::bigint[]) AS given (consumer, key_hash)
    CROSS JOIN LATERAL (
        SELECT id
        FROM inbox_held
        WHERE consumer = given.consumer AND key_hash = given.key_hash AND discarded_at IS NULL
        ORDER BY id
        LIMIT 1
    ) AS first
), of_keys AS (
    UPDATE inbox_held
    SET released_at = clock_timestamp(), attempts = 0,
        retry_at = CASE WHEN inbox_held.id = keys.first THEN clock_timestamp() END
    FROM keys
    WHERE inbox_held.consumer = keys.consumer AND inbox_held.key_hash = keys.key_hash
      AND inbox_held.discarded_at IS NULL
      AND (inbox_held.id = keys.first OR inbox_held.error <> '')
), without_key AS (
    UPDATE inbox_held
    SET released_at = clock_timestamp(), attempts = 0, retry_at = clock_timestamp()
    WHERE id = ANY (%(ids)s) AND key_hash IS NULL AND discarded_at IS NULL
    RETURNING id
)
SELECT (SELECT count(*) FROM without_key) + (
    SELECT count(*)
    FROM keys
    JOIN inbox_held USING (consumer, key_hash)
    WHERE discarded_at IS NULL
)

-- Has the first event of each of these keys tried at once, and what else has failed when its turn comes.
-- Returns how many wait in all.
WITH keys AS MATERIALIZED (
    SELECT given.consumer, given.lane, first.id AS first
    FROM unnest(%(consumers)s::text[], %(lanes)s::bigint[]) AS given (consumer, lane)
    CROSS JOIN LATERAL (
        SELECT id
        FROM inbox_parked
        WHERE consumer = given.consumer AND lane = given.lane AND discarded_at IS NULL
        ORDER BY id
        LIMIT 1
    ) AS first
), of_keys AS (
    UPDATE inbox_parked
    SET requeued_at = clock_timestamp(), attempts = 0,
        retry_at = CASE WHEN inbox_parked.id = keys.first THEN clock_timestamp() END
    FROM keys
    WHERE inbox_parked.consumer = keys.consumer AND inbox_parked.lane = keys.lane
      AND inbox_parked.discarded_at IS NULL
      AND (inbox_parked.id = keys.first OR inbox_parked.error <> '')
), without_key AS (
    UPDATE inbox_parked
    SET requeued_at = clock_timestamp(), attempts = 0, retry_at = clock_timestamp()
    WHERE id = ANY (%(ids)s) AND lane IS NULL AND discarded_at IS NULL
    RETURNING id
)
SELECT (SELECT count(*) FROM without_key) + (
    SELECT count(*)
    FROM keys
    JOIN inbox_parked USING (consumer, lane)
    WHERE discarded_at IS NULL
)

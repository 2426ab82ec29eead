-- Whatever is first of these keys now is tried next, unless somebody has to decide about it.
UPDATE inbox_parked
SET retry_at = clock_timestamp()
FROM unnest(%(consumers)s::text[], %(lanes)s::bigint[]) AS keys (consumer, lane)
CROSS JOIN LATERAL (
    SELECT id
    FROM inbox_parked
    WHERE consumer = keys.consumer AND lane = keys.lane AND discarded_at IS NULL
    ORDER BY id
    LIMIT 1
) AS first
WHERE inbox_parked.id = first.id
  AND inbox_parked.retry_at IS NULL
  AND (inbox_parked.error = '' OR inbox_parked.requeued_at IS NOT NULL)

-- About the largest id of what was created before a moment, 0 if there is none: bisection along the primary key,
-- because created_at has no index.
WITH RECURSIVE piece (low, high) AS (
    SELECT 0::bigint, coalesce((SELECT id FROM {schema}outbox_event ORDER BY id DESC LIMIT 1), 0)
    UNION ALL
    SELECT CASE WHEN early THEN middle ELSE low END, CASE WHEN early THEN high ELSE middle - 1 END
    FROM piece
    CROSS JOIN LATERAL (SELECT low + (high - low + 1) / 2) AS half (middle)
    CROSS JOIN LATERAL (SELECT coalesce((SELECT created_at FROM {schema}outbox_event WHERE id >= middle ORDER BY id LIMIT 1) < %s, false)) AS row (early)
    WHERE low < high
)
SELECT low FROM piece WHERE low >= high

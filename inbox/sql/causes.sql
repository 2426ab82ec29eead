-- Held events by cause (the type of the error), topic, type and consumer, among the half oldest and the half
-- newest ones: a new failure is seen behind any number of old ones. Events behind their key have no error. The
-- last two columns are all held events, counted up to total, and whether groups are counted in part.
WITH oldest AS MATERIALIZED (
    SELECT id FROM inbox_held WHERE discarded_at IS NULL AND consumer = ANY (%(consumers)s)
    ORDER BY id LIMIT %(half)s
), held AS MATERIALIZED (
    SELECT id, consumer, topic, type, coalesce(key_hash, -id) AS key, attempts, held_at, released_at,
           split_part(left(error, 200), ':', 1) AS cause
    FROM inbox_held
    WHERE id IN (SELECT id FROM oldest
                 UNION ALL
                 (SELECT id FROM inbox_held WHERE discarded_at IS NULL AND consumer = ANY (%(consumers)s)
                  AND id > (SELECT max(id) FROM oldest) ORDER BY id DESC LIMIT %(half)s))
), total AS MATERIALIZED (
    SELECT count(*) AS events
    FROM (SELECT FROM inbox_held WHERE discarded_at IS NULL AND consumer = ANY (%(consumers)s)
          ORDER BY id LIMIT %(total)s) AS events
), by_key AS (
    SELECT consumer, cause, topic, type, key, count(*) AS events, min(held_at) AS oldest, max(held_at) AS newest,
           max(attempts) AS attempts, count(released_at) AS releasing, min(id) AS first
    FROM held GROUP BY consumer, cause, topic, type, key
)
SELECT consumer, cause, topic, type, count(*), sum(events)::bigint, min(oldest), max(newest), max(attempts),
       sum(releasing)::bigint, min(first), (SELECT events FROM total),
       (SELECT events FROM total) > (SELECT count(*) FROM held)
FROM by_key
GROUP BY consumer, cause, topic, type
ORDER BY 6 DESC, 11

-- Held events by cause: the type of the error, the topic and the consumer. Only the first cap
-- are counted: below that a count is exact, otherwise it means at least so many. Events behind their key have no error.
WITH held AS MATERIALIZED (
    SELECT id, consumer, topic, key_hash, split_part(left(error, 200), ':', 1) AS cause, held_at, released_at
    FROM inbox_held WHERE discarded_at IS NULL AND consumer = ANY (%(consumers)s)
    ORDER BY id LIMIT %(cap)s
)
SELECT consumer, cause, topic, count(*), count(DISTINCT coalesce(key_hash, -id)), min(held_at),
       count(*) FILTER (WHERE released_at IS NOT NULL), min(id), (SELECT count(*) FROM held) = %(cap)s
FROM held
GROUP BY consumer, cause, topic
ORDER BY 4 DESC, 8

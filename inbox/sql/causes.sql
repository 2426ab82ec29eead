-- Held events by cause: the type of the error, the topic and the consumer. The first cap are counted: a count is
-- exact while there are fewer, and at least so many otherwise. What waits behind its key has no error of its own.
WITH held AS MATERIALIZED (
    SELECT id, consumer, topic, lane, split_part(left(error, 200), ':', 1) AS cause, parked_at, requeued_at
    FROM inbox_parked WHERE discarded_at IS NULL AND consumer = ANY (%(consumers)s)
    ORDER BY id LIMIT %(cap)s
)
SELECT consumer, cause, topic, count(*), count(DISTINCT coalesce(lane, -id)), min(parked_at),
       count(*) FILTER (WHERE requeued_at IS NOT NULL), min(id), (SELECT count(*) FROM held) = %(cap)s
FROM held
GROUP BY consumer, cause, topic
ORDER BY 4 DESC, 8

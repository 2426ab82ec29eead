-- Holds grouped by reason and topic. Events and holds are counted among the first {cap} of each: below {cap}
-- a count is exact, otherwise it means at least so many.
WITH hold AS MATERIALIZED (
    SELECT id, reason, topic, created_at, coalesce(release_at <= clock_timestamp(), false) AS due
    FROM {schema}outbox_hold ORDER BY id LIMIT {cap}
), waiting AS MATERIALIZED (
    SELECT hold_id, count(*) AS events
    FROM (SELECT hold_id FROM {schema}outbox_held WHERE discarded_at IS NULL ORDER BY id LIMIT {cap}) AS held
    GROUP BY hold_id
)
SELECT reason, topic, count(*), coalesce(sum(events), 0)::bigint, min(created_at), count(*) FILTER (WHERE due),
       min(hold.id), (array_agg(hold.id ORDER BY hold.id))[:3],
       (SELECT count(*) FROM hold) = {cap} OR (SELECT sum(events) FROM waiting) = {cap}
FROM hold LEFT JOIN waiting ON waiting.hold_id = hold.id
GROUP BY reason, topic
ORDER BY 4 DESC, 7

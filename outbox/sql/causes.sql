-- Held events by cause, topic and type, among the {half} oldest and the {half} newest holds and events: a new
-- failure is seen behind any number of old ones. A hold counts for the type of its first event only, so that
-- the sum is right; one without events has no type. OFFSET 0 has the planner look up each event by its id,
-- where it could read the whole log. The last three columns are the holds and events of the whole outbox,
-- counted up to {total}, and whether groups are counted in part.
WITH oldest_hold AS MATERIALIZED (
    SELECT id FROM {schema}outbox_hold ORDER BY id LIMIT {half}
), hold AS MATERIALIZED (
    SELECT id, scope, reason, topic, created_at, attempts, coalesce(release_at <= clock_timestamp(), false) AS due
    FROM {schema}outbox_hold
    WHERE id IN (SELECT id FROM oldest_hold
                 UNION ALL
                 (SELECT id FROM {schema}outbox_hold WHERE id > (SELECT max(id) FROM oldest_hold) ORDER BY id DESC LIMIT {half}))
), oldest AS MATERIALIZED (
    SELECT id, hold_id, event_id, created_at FROM {schema}outbox_held WHERE discarded_at IS NULL ORDER BY id LIMIT {half}
), held AS MATERIALIZED (
    SELECT * FROM oldest
    UNION ALL
    (SELECT id, hold_id, event_id, created_at FROM {schema}outbox_held
     WHERE discarded_at IS NULL AND id > (SELECT max(id) FROM oldest) ORDER BY id DESC LIMIT {half})
), total AS MATERIALIZED (
    SELECT (SELECT count(*) FROM (SELECT FROM {schema}outbox_hold LIMIT {total}) AS holds) AS holds,
           (SELECT count(*) FROM (SELECT FROM {schema}outbox_held WHERE discarded_at IS NULL ORDER BY id LIMIT {total}) AS events) AS events
), part AS MATERIALIZED (
    SELECT holds > (SELECT count(*) FROM hold) OR events > (SELECT count(*) FROM held) AS capped FROM total
), waiting AS (
    SELECT hold_id, type, key, min(id) AS first, max(created_at) AS newest, count(*) AS events
    FROM held, LATERAL (
        SELECT type, hashtextextended(key, 0) AS key FROM {schema}outbox_event WHERE id = held.event_id OFFSET 0
    ) AS event
    GROUP BY hold_id, type, key
), head AS (
    SELECT hold_id, min(id) AS first FROM held GROUP BY hold_id
), by_key AS (
    SELECT reason, topic, coalesce(type, '') AS type, key, count(*) FILTER (WHERE leads) AS holds,
           count(*) FILTER (WHERE leads AND due) AS due, min(id) FILTER (WHERE leads) AS leader, min(id) AS hold,
           sum(piece.events) AS events, min(created_at) AS oldest, max(greatest(newest, created_at)) AS newest,
           max(attempts) AS attempts
    FROM hold
    LEFT JOIN (SELECT waiting.*, waiting.first = head.first AS is_first FROM waiting JOIN head USING (hold_id)) AS piece
           ON piece.hold_id = hold.id
    CROSS JOIN LATERAL (SELECT coalesce(is_first, true) AS leads) AS place
    WHERE piece.events > 0 OR scope = 'topic' OR NOT (SELECT capped FROM part) OR (SELECT total.events FROM total) = 0
    GROUP BY reason, topic, coalesce(type, ''), key
)
SELECT reason, topic, type, sum(holds)::bigint, count(key), coalesce(sum(events), 0)::bigint, min(by_key.oldest),
       max(newest), max(attempts), sum(due)::bigint, coalesce(min(leader), min(hold)),
       (SELECT holds FROM total), (SELECT events FROM total), (SELECT capped FROM part)
FROM by_key
GROUP BY reason, topic, type
ORDER BY 6 DESC, 11

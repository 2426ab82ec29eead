-- What was published in each of the last {minutes} minutes, the current minute last, and in the last 60
-- seconds. It adds checkpoints and the statistics made of older ones; no checkpoint is in both. The last columns
-- are the last answer of Kafka about consumer groups, what a continuous audit has proved, and the age of the oldest
-- row of the log. An index serves a time from a subquery, not a volatile one.
WITH now AS MATERIALIZED (
    SELECT clock_timestamp() - make_interval(mins => {minutes}) AS since
), recent AS MATERIALIZED (
    SELECT created_at, events, latency_ms FROM {schema}outbox_checkpoint
    WHERE events > 0 AND created_at > (SELECT since FROM now)
), parts AS (
    SELECT minute, sum(events) AS events FROM (
        SELECT date_trunc('minute', created_at) AS minute, events FROM recent
        UNION ALL
        SELECT minute, events FROM {schema}outbox_statistics WHERE minute > (SELECT since FROM now)
    ) AS part GROUP BY minute
), axis AS (
    SELECT generate_series(
        date_trunc('minute', clock_timestamp()) - make_interval(mins => {minutes} - 1),
        date_trunc('minute', clock_timestamp()), interval '1 minute') AS minute
), series AS (
    SELECT axis.minute, coalesce(sum(parts.events), 0)::bigint AS events
    FROM axis LEFT JOIN parts USING (minute) GROUP BY axis.minute
), last AS (
    SELECT coalesce(sum(events), 0)::float8 / 60 AS rate,
           (sum(latency_ms::bigint * events) / sum(events))::float8 AS latency_ms,
           max(latency_ms) AS latency_ms_max
    FROM recent WHERE created_at > clock_timestamp() - interval '1 minute'
)
SELECT clock_timestamp(), rate, latency_ms, latency_ms_max,
       (SELECT array_agg(events ORDER BY minute) FROM series),
       (SELECT to_jsonb(heard) || jsonb_build_object('age', extract(epoch FROM clock_timestamp() - read_at)::float8)
        FROM {schema}outbox_consumer_groups AS heard),
       (SELECT to_jsonb(audit) || jsonb_build_object('age', extract(epoch FROM clock_timestamp() - until)::float8,
                'compared', extract(epoch FROM clock_timestamp() - compared_at)::float8,
                'alive', coalesce(lease_until > clock_timestamp(), false))
        FROM {schema}outbox_audit AS audit),
       extract(epoch FROM clock_timestamp() - (SELECT created_at FROM {schema}outbox_event ORDER BY id LIMIT 1))::float8
FROM last

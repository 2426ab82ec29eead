-- The last {bins} spans of {seconds} seconds, the current one last: how many events were published and the worst
-- latency; how many were written, as far as ids show, and how long the oldest pending event had waited at worst.
-- NULL: no relay has written a row. What was published in the last two hours comes from the shards' own
-- statistics; for a month, these would be a million rows.
WITH axis AS (
    SELECT date_bin(make_interval(secs => {seconds}), clock_timestamp(), timestamptz '2000-01-01 00:00+00')
           - make_interval(secs => {seconds}) * (n - 1) AS at
    FROM generate_series(1, {bins}) AS n
), begin AS MATERIALIZED (
    SELECT min(at) AS at, clock_timestamp() - interval '2 hours' AS recent FROM axis
), parts AS (
    SELECT created_at AS at, events, latency_ms FROM {schema}outbox_checkpoint
    WHERE events > 0 AND created_at >= (SELECT recent FROM begin)
    UNION ALL
    SELECT minute, events, latency_ms_max FROM {schema}outbox_statistics WHERE minute >= (SELECT recent FROM begin)
), sent AS (
    SELECT date_bin(make_interval(secs => {seconds}), at, timestamptz '2000-01-01 00:00+00') AS at,
           sum(events)::bigint AS events, max(latency_ms) AS latency_ms
    FROM parts GROUP BY 1
), noted AS (
    SELECT date_bin(make_interval(secs => {seconds}), minute, timestamptz '2000-01-01 00:00+00') AS at,
           max(last_id) AS last_id, max(published) AS published, max(latency_ms) AS latency_ms,
           max(oldest_ms) AS oldest_ms
    FROM {schema}outbox_minute
    WHERE minute >= (SELECT at FROM begin) - make_interval(secs => {seconds}) GROUP BY 1
), grown AS (
    SELECT at, oldest_ms, latency_ms, greatest(last_id - lag(last_id) OVER by_time, 0) AS written,
           greatest(published - lag(published) OVER by_time, 0) AS published
    FROM noted WINDOW by_time AS (ORDER BY at)
)
SELECT axis.at,
       CASE WHEN axis.at >= recent THEN coalesce(sent.events, 0) ELSE grown.published END,
       CASE WHEN axis.at >= recent THEN sent.latency_ms ELSE grown.latency_ms END,
       grown.written, grown.oldest_ms
FROM axis CROSS JOIN (SELECT recent FROM begin) AS since LEFT JOIN sent USING (at) LEFT JOIN grown USING (at)
ORDER BY axis.at

-- The row of this minute, if no relay has written it: the end of the log, what is published, and what waits,
-- counted up to {cap}.
INSERT INTO {schema}outbox_minute (minute, last_id, published, latency_ms, pending, oldest_ms)
SELECT date_trunc('minute', clock_timestamp()),
       coalesce((SELECT max(id) FROM {schema}outbox_event), 0),
       coalesce((SELECT sum(published) FROM {schema}outbox_position), 0)::bigint,
       (SELECT max(latency_ms) FROM {schema}outbox_checkpoint
        WHERE events > 0 AND created_at > clock_timestamp() - interval '1 minute'),
       waiting.events, waiting.oldest_ms
FROM (SELECT count(*) AS events,
             coalesce(extract(epoch FROM clock_timestamp() - min(created_at)) * 1000, 0)::bigint AS oldest_ms
      FROM (SELECT created_at FROM ({pending}) AS pending LIMIT {cap}) AS first) AS waiting
WHERE NOT EXISTS (SELECT FROM {schema}outbox_minute WHERE minute = date_trunc('minute', clock_timestamp()))
ON CONFLICT DO NOTHING

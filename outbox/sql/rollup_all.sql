-- Turns every checkpoint into statistics of its minute.
WITH gone AS (
    DELETE FROM {schema}outbox_checkpoint RETURNING shard_id, created_at, events, bytes, latency_ms
)
INSERT INTO {schema}outbox_statistics AS minute (shard, minute, events, bytes, waves, latency_ms_max)
SELECT shard_id, date_trunc('minute', created_at), sum(events), sum(bytes), count(*), max(latency_ms)
FROM gone GROUP BY 1, 2
ON CONFLICT (minute, shard) DO UPDATE
SET events = minute.events + excluded.events,
    bytes = minute.bytes + excluded.bytes,
    waves = minute.waves + excluded.waves,
    latency_ms_max = greatest(minute.latency_ms_max, excluded.latency_ms_max)

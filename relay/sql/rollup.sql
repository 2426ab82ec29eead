-- Checkpoints older than %(keep)s seconds become statistics of their minute, all but the latest of the shard.
WITH latest AS (
    SELECT id FROM {schema}outbox_checkpoint WHERE shard_id = %(shard)s ORDER BY epoch DESC, seq DESC LIMIT 1
), gone AS (
    DELETE FROM {schema}outbox_checkpoint
    WHERE shard_id = %(shard)s
      AND created_at < clock_timestamp() - make_interval(secs => %(keep)s)
      AND id NOT IN (SELECT id FROM latest)
    RETURNING created_at, events, bytes, latency_ms
)
INSERT INTO {schema}outbox_statistics AS minute (shard, minute, events, bytes, waves, latency_ms_max)
SELECT %(shard)s, date_trunc('minute', created_at), sum(events), sum(bytes), count(*), max(latency_ms)
FROM gone GROUP BY 2
ON CONFLICT (minute, shard) DO UPDATE
SET events = minute.events + excluded.events,
    bytes = minute.bytes + excluded.bytes,
    waves = minute.waves + excluded.waves,
    latency_ms_max = greatest(minute.latency_ms_max, excluded.latency_ms_max)

-- Turns the next checkpoints older than %(keep)s seconds into statistics of their minute. The last two of the
-- shard stay: they prove where the position was stored (see outbox_position). Only the owner does this,
-- because a change of the shards does the same for all. Checkpoints far ahead of the clock were made while
-- the clock was wrong, and count as old.
WITH lease AS MATERIALIZED (
    SELECT id FROM {schema}outbox_shard
    WHERE id = %(shard)s AND owner = %(owner)s::uuid AND epoch = %(epoch)s
    FOR KEY SHARE
), latest AS (
    SELECT id FROM {schema}outbox_checkpoint WHERE shard_id = %(shard)s ORDER BY epoch DESC, seq DESC LIMIT 2
), gone AS (
    DELETE FROM {schema}outbox_checkpoint
    WHERE id IN (
        SELECT old.id FROM {schema}outbox_checkpoint AS old JOIN lease ON lease.id = old.shard_id
        WHERE created_at NOT BETWEEN clock_timestamp() - make_interval(secs => %(keep)s)
                                 AND clock_timestamp() + make_interval(secs => %(keep)s)
          AND old.id NOT IN (SELECT id FROM latest)
        ORDER BY old.id LIMIT %(most)s
    )
    RETURNING created_at, events, bytes, latency_ms
), added AS (
    INSERT INTO {schema}outbox_statistics AS minute (shard, minute, events, bytes, waves, latency_ms_max)
    SELECT %(shard)s, date_trunc('minute', created_at), sum(events), sum(bytes), count(*), max(latency_ms)
    FROM gone GROUP BY 2
    ON CONFLICT (minute, shard) DO UPDATE
    SET events = minute.events + excluded.events,
        bytes = minute.bytes + excluded.bytes,
        waves = minute.waves + excluded.waves,
        latency_ms_max = greatest(minute.latency_ms_max, excluded.latency_ms_max)
)
SELECT count(*) FROM gone

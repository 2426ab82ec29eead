-- Moves the position, and stores held events in the same statement. Three conditions: the lease row (KEY
-- SHARE blocks a takeover and allows the renewal), the incarnation token, and the holds, which must not end
-- meanwhile. No inserted row means that one of them failed; "ours" means that only a hold did. A clock that
-- is set back must not make the position older than what it covers: outbox_rebase publishes what is younger
-- than the position.
WITH lease AS MATERIALIZED (
    SELECT id FROM {schema}outbox_shard
    WHERE id = %(shard)s AND owner = %(owner)s::uuid AND epoch = %(epoch)s
    FOR KEY SHARE
), ours AS MATERIALIZED (
    SELECT lease.id FROM lease
    JOIN {schema}outbox_incarnation AS incarnation ON incarnation.token = %(token)s::uuid
), holds AS MATERIALIZED (
    SELECT id FROM {schema}outbox_hold WHERE id = ANY (%(holds)s::bigint[]) FOR KEY SHARE
), moved AS (
    INSERT INTO {schema}outbox_checkpoint
           (shard_id, epoch, seq, lo, hi, pos, published, events, bytes, latency_ms, created_at)
    SELECT ours.id, %(epoch)s::bigint, %(seq)s::bigint,
           %(lo)s::text::pg_snapshot, %(hi)s::text::pg_snapshot, %(pos)s::bigint,
           %(published)s, %(events)s, %(bytes)s,
           least(greatest(extract(epoch FROM clock_timestamp() - %(oldest)s::text::timestamptz) * 1000, 0),
                 2147483647)::int,
           greatest(clock_timestamp(), %(newest)s::text::timestamptz, %(before)s::text::timestamptz)
    FROM ours
    WHERE (SELECT count(*) FROM holds) = cardinality(ARRAY(SELECT DISTINCT unnest(%(holds)s::bigint[])))
    RETURNING created_at
), held AS (
    INSERT INTO {schema}outbox_held (hold_id, event_id, bucket)
    SELECT held.hold, held.event, (SELECT bucket FROM {schema}outbox_event WHERE id = held.event)
    FROM unnest(%(holds)s::bigint[], %(events_held)s::bigint[])
         WITH ORDINALITY AS held (hold, event, place), moved
    ORDER BY held.place
), released AS (
    DELETE FROM {schema}outbox_held USING moved WHERE event_id = ANY (%(released)s::bigint[])
)
SELECT count(*), max(created_at)::text, EXISTS (SELECT FROM ours) FROM moved

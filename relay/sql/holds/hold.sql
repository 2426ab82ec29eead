-- Makes a hold, if this relay still owns the shard. An existing hold of the scope stays.
INSERT INTO {schema}outbox_hold (scope, topic, key, event_id, reason, detail, attempts, release_at)
SELECT %(scope)s, %(topic)s, %(key)s, %(event)s::bigint, %(reason)s, %(detail)s, 1,
       clock_timestamp() + make_interval(secs => %(release_in)s)
FROM (
    SELECT FROM {schema}outbox_shard
    WHERE id = %(shard)s AND owner = %(owner)s::uuid AND epoch = %(epoch)s
    FOR KEY SHARE
) AS lease
ON CONFLICT DO NOTHING
RETURNING id

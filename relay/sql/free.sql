-- What a relay must know to take its fair share, without writing: shards without an owner, shards in all,
-- relays alive.
SELECT count(*) FILTER (
           WHERE (owner IS NULL OR owner = %(owner)s::uuid OR lease_until IS NULL OR lease_until < clock_timestamp())
             AND id <> ALL (%(held)s::smallint[])
       ),
       count(*),
       (SELECT count(*) FROM {schema}outbox_relay
        WHERE heartbeat_at > clock_timestamp() - make_interval(secs => %(ttl)s) AND state <> 'stopping')
FROM {schema}outbox_shard

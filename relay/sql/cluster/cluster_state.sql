-- What a relay needs to find its share, without writing: shards without an owner, all shards, other healthy
-- relays, the seconds until the next lease or heartbeat of another relay ends unless it is renewed, and whether an
-- operation is to be carried out by this relay: one is enough, the owner of shard 0. If nobody has done so for 5 s,
-- any relay does, because no relay may own a shard while the log is divided.
SELECT count(*) FILTER (
           WHERE (owner IS NULL OR owner = %(owner)s::uuid OR lease_until IS NULL OR lease_until < clock_timestamp())
             AND id <> ALL (%(owned)s::smallint[])
       ),
       count(*),
       (SELECT count(*) FROM {schema}outbox_relay
        WHERE heartbeat_at > clock_timestamp() - make_interval(secs => %(ttl)s)
          AND state NOT IN ('stopping', 'degraded') AND id <> %(owner)s::uuid),
       (SELECT extract(epoch FROM min(until) - clock_timestamp())::float8
        FROM (SELECT lease_until FROM {schema}outbox_shard WHERE owner <> %(owner)s::uuid
              UNION ALL
              SELECT heartbeat_at + make_interval(secs => %(ttl)s) FROM {schema}outbox_relay
              WHERE id <> %(owner)s::uuid) AS ends (until)
        WHERE until > clock_timestamp()),
       EXISTS (SELECT FROM {schema}outbox_operation
               WHERE state = 'running'
                 AND (0 = ANY (%(owned)s::smallint[]) OR due_at < clock_timestamp() - interval '5 s'))
FROM {schema}outbox_shard

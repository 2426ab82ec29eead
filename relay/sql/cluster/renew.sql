-- Extends a lease. A lease that has run out is not extended: another relay may be taking the shard.
UPDATE {schema}outbox_shard
SET lease_until = clock_timestamp() + make_interval(secs => %(ttl)s)
WHERE id = %(shard)s AND owner = %(owner)s::uuid AND epoch = %(epoch)s AND lease_until > clock_timestamp()
RETURNING first_bucket, last_bucket

-- Prolongs a lease. One that has run out is not revived: somebody else may be about to take it.
UPDATE {schema}outbox_shard
SET lease_until = clock_timestamp() + make_interval(secs => %(ttl)s)
WHERE id = %(shard)s AND owner = %(owner)s::uuid AND epoch = %(epoch)s AND lease_until > clock_timestamp()
RETURNING first_bucket, last_bucket

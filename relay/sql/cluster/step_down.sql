UPDATE {schema}outbox_shard
SET owner = NULL, lease_until = NULL
WHERE id = %(shard)s AND owner = %(owner)s::uuid AND epoch = %(epoch)s
RETURNING id

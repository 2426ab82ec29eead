-- The shards whose position must not be believed: see Position.
SELECT shard_id FROM {schema}outbox_position WHERE NOT proven ORDER BY shard_id

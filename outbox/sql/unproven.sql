-- The shards whose position is not proven: see Position.
SELECT shard_id FROM {schema}outbox_position WHERE NOT proven ORDER BY shard_id

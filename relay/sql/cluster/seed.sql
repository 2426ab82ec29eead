-- One shard for all buckets, if the table is empty.
INSERT INTO {schema}outbox_shard (id, first_bucket, last_bucket, epoch)
SELECT 0, 0, %(last)s, 0 WHERE NOT EXISTS (SELECT FROM {schema}outbox_shard)
ON CONFLICT DO NOTHING

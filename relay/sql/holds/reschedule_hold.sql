-- The release of a hold has met the same trouble again: later (topics), or when a person asks for it
-- (release_in NULL). One that is no longer due has been paused by an operator meanwhile, and stays as it is. Who
-- has lost the shard knows nothing of what its successor has made of it.
UPDATE {schema}outbox_hold
SET reason = %(reason)s, detail = %(detail)s, release_at = clock_timestamp() + make_interval(secs => %(release_in)s)
WHERE id = %(hold)s AND release_at <= clock_timestamp()
  AND EXISTS (SELECT FROM {schema}outbox_shard
              WHERE id = %(shard)s AND owner = %(owner)s::uuid AND epoch = %(epoch)s)
RETURNING id

-- The release of a hold failed again: try it later (topics), or when a person asks for it (release_in NULL).
-- A hold that is no longer due was paused meanwhile and stays. A relay that lost the shard changes nothing.
UPDATE {schema}outbox_hold
SET reason = %(reason)s, detail = %(detail)s, attempts = attempts + 1,
    release_at = clock_timestamp() + make_interval(secs => %(release_in)s)
WHERE id = %(hold)s AND release_at <= clock_timestamp()
  AND EXISTS (SELECT FROM {schema}outbox_shard
              WHERE id = %(shard)s AND owner = %(owner)s::uuid AND epoch = %(epoch)s)
RETURNING id

-- The release of a hold has met the same trouble again: later (topics), or when a person asks for it
-- (release_in NULL). One that is no longer due has been paused by an operator meanwhile, and stays as it is.
UPDATE {schema}outbox_hold
SET reason = %(reason)s, detail = %(detail)s, release_at = clock_timestamp() + make_interval(secs => %(release_in)s)
WHERE id = %(hold)s AND release_at <= clock_timestamp()
RETURNING id

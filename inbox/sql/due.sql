-- Held events that are due. Only the first event of a key has a retry time. Of several workers, each has the keys
-- that it handles; the remainder of a negative number is negative.
SELECT id
FROM inbox_held
WHERE consumer = %(consumer)s
  AND retry_at <= clock_timestamp() + make_interval(secs => %(ahead)s)
  AND discarded_at IS NULL
  AND mod(coalesce(key_hash, id), %(workers)s) IN (%(worker)s, %(worker)s - %(workers)s)
  AND topic <> ALL (%(paused)s::text[])
  AND handler <> ALL (%(without)s::text[])
  AND (%(handler)s = '' OR handler = %(handler)s)
ORDER BY retry_at, id
LIMIT %(limit)s

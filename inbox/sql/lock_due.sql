-- Locks the keys of these held events until the transaction ends, except keys that another session has locked.
SELECT picked.id, picked.key_hash
FROM (SELECT id, key_hash, consumer FROM inbox_held WHERE id = ANY (%(ids)s) ORDER BY id OFFSET 0) AS picked
WHERE pg_try_advisory_xact_lock(hashtextextended('inbox key ' || picked.consumer, coalesce(picked.key_hash, -picked.id)))

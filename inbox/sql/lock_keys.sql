-- Waits for these keys, in the order given, and keeps them until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('inbox key ' || keys.consumer, keys.key_hash))
FROM unnest(%(consumers)s::text[], %(key_hashes)s::bigint[]) AS keys (consumer, key_hash)

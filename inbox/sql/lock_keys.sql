-- Waits for these keys, in the order given, and keeps them until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('inbox key ' || keys.consumer, keys.lane))
FROM unnest(%(consumers)s::text[], %(lanes)s::bigint[]) AS keys (consumer, lane)

-- How many events of a shard wait, counted up to {cap}, and the first of all.
SELECT max(events), min(first) FROM (SELECT count(*) AS events, min(id) AS first FROM (
\i pending.sql
) AS each GROUP BY shard) AS shards

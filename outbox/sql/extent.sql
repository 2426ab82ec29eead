-- How large the log is: rows as ANALYZE last estimated them (-1: never), bytes with indexes and TOAST, and the
-- age of the oldest row.
SELECT (SELECT reltuples::bigint FROM pg_class WHERE oid = '{schema}outbox_event'::regclass),
       pg_total_relation_size('{schema}outbox_event'::regclass),
       extract(epoch FROM clock_timestamp() - (SELECT created_at FROM {schema}outbox_event ORDER BY id LIMIT 1))::float8

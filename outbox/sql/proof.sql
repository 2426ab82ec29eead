-- What the catalogues contain about the outbox in schema %(schema)s, or, if that is NULL, on the search_path:
-- one JSON object. It needs no privilege.
WITH event AS MATERIALIZED (
    SELECT c.oid, c.relkind, c.relhasrules, n.nspname, n.oid AS schema
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE CASE WHEN %(schema)s::text IS NULL THEN c.oid = to_regclass('outbox_event')
               ELSE c.relname = 'outbox_event' AND n.nspname = %(schema)s::text END
), relation AS MATERIALIZED (
    SELECT c.oid, c.relname AS name, c.relpersistence FROM pg_class AS c JOIN event ON c.relnamespace = event.schema
    WHERE c.relkind IN ('r', 'p', 'v') AND c.relname LIKE 'outbox\_%%'
), sequence AS MATERIALIZED (
    SELECT seqrelid, format('%%I.%%I', event.nspname, c.relname) AS name, seqcache, seqincrement, seqcycle
    FROM event, pg_depend AS d
    JOIN pg_sequence ON seqrelid = d.objid
    JOIN pg_class AS c ON c.oid = seqrelid
    JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attname = 'id'
    WHERE d.classid = 'pg_class'::regclass AND d.refobjid = event.oid AND d.deptype IN ('a', 'i')
)
SELECT json_build_object(
    'oid', event.oid::bigint,
    'kind', event.relkind,
    'schema', quote_ident(event.nspname),
    'role', quote_ident(current_user),
    'schemas', (SELECT array_agg(quote_ident(n.nspname) ORDER BY 1) FROM pg_class AS c
                JOIN pg_namespace AS n ON n.oid = c.relnamespace
                WHERE c.relname = 'outbox_event' AND c.relkind IN ('r', 'p')),
    'usage', has_schema_privilege(event.schema, 'USAGE'),
    'filtered', ARRAY(SELECT name FROM relation WHERE name = ANY (%(tables)s::text[]) AND row_security_active(oid)
                      ORDER BY name),
    'unlogged', (SELECT relpersistence = 'u' FROM relation WHERE name = 'outbox_incarnation'),
    'missing', ARRAY(SELECT ARRAY[name, need.privilege]
                     FROM unnest(%(tables)s::text[], %(privileges)s::text[]) WITH ORDINALITY AS need (name, privilege, place)
                     JOIN relation USING (name)
                     WHERE NOT has_table_privilege(relation.oid, need.privilege) ORDER BY place),
    'indexed', EXISTS (
        SELECT FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am ON pg_am.oid = c.relam
        WHERE i.indrelid = event.oid AND amname = 'btree' AND indisvalid AND indisready AND indpred IS NULL
          AND (SELECT array_agg(attname ORDER BY place) FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
               JOIN pg_attribute AS a ON a.attrelid = event.oid AND a.attnum = k.number
               WHERE place <= 2) = '{xid,id}'::name[]),
    'defaults', (SELECT json_object_agg(relation.name || '.' || attname, pg_get_expr(adbin, adrelid))
                 FROM relation JOIN pg_attrdef ON adrelid = relation.oid
                 JOIN pg_attribute AS a ON a.attrelid = adrelid AND a.attnum = adnum
                 WHERE relation.name IN ('outbox_event', 'outbox_checkpoint') AND attname IN ('xid', 'created_at')),
    'changers', ARRAY(SELECT 'trigger ' || quote_ident(tgname) FROM pg_trigger
                      WHERE tgrelid = event.oid AND NOT tgisinternal AND tgenabled IN ('O', 'A') AND tgtype & 7 = 7
                      UNION ALL
                      SELECT 'rule ' || quote_ident(rulename) FROM pg_rewrite
                      WHERE ev_class = event.oid AND ev_type IN ('2', '3', '4') AND ev_enabled IN ('O', 'A')),
    'sequence', (SELECT json_build_object(
        'name', name, 'cache', seqcache, 'increment', seqincrement, 'cycle', seqcycle,
        'readable', has_sequence_privilege(seqrelid, 'SELECT')) FROM sequence),
    'unsafe', ARRAY(SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'
                    ORDER BY name)
)::text
FROM event

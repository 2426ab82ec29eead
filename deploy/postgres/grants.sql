-- What each role may do, after migrate: see docs/how-to/roles.md. Safe to run again. "migrations" runs it.

\connect shop
-- The shop: its own tables, Django's, and as writer and operator those of the outbox.
SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO shop', tablename) FROM pg_tables
WHERE schemaname = 'public' AND tablename ~ '^(shop|auth|django)_' AND tablename <> 'django_migrations' \gexec
GRANT SELECT, INSERT, UPDATE ON outbox_event TO shop;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_shard TO shop;
GRANT SELECT, INSERT, DELETE ON outbox_checkpoint TO shop;
GRANT SELECT ON outbox_position TO shop;
GRANT SELECT, INSERT, UPDATE ON outbox_hold TO shop;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_held TO shop;
GRANT SELECT, INSERT, UPDATE ON outbox_ledger TO shop;
GRANT SELECT ON outbox_relay TO shop;
GRANT SELECT, INSERT, UPDATE ON outbox_statistics TO shop;
GRANT SELECT ON outbox_consumer_groups TO shop;
GRANT SELECT ON outbox_audit TO shop;
GRANT SELECT ON outbox_minute TO shop;
GRANT SELECT, INSERT, UPDATE ON outbox_operation TO shop;
GRANT SELECT ON SEQUENCE outbox_event_id_seq TO shop;

GRANT SELECT ON outbox_event TO relay;
GRANT SELECT, INSERT, UPDATE ON outbox_shard TO relay;
GRANT SELECT, INSERT, DELETE ON outbox_checkpoint TO relay;
GRANT SELECT ON outbox_position TO relay;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_hold TO relay;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_held TO relay;
GRANT SELECT, INSERT ON outbox_incarnation TO relay;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_relay TO relay;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_statistics TO relay;
GRANT SELECT, INSERT, UPDATE ON outbox_ledger TO relay;
GRANT SELECT, INSERT, UPDATE ON outbox_consumer_groups TO relay;
GRANT SELECT, INSERT, UPDATE ON outbox_audit TO relay;
GRANT SELECT, INSERT, DELETE ON outbox_minute TO relay;
GRANT SELECT, UPDATE ON outbox_operation TO relay;
GRANT SELECT ON SEQUENCE outbox_event_id_seq TO relay;

-- The consumers: the tables of the inbox and of their handlers. "journey", the shop's page of an order, reads what it shows.
\connect crm
SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO crm', tablename) FROM pg_tables
WHERE schemaname = 'public' AND tablename ~ '^(inbox|crm)_' \gexec
GRANT SELECT ON django_migrations TO crm;
GRANT SELECT ON inbox_processed, inbox_held, crm_customer, crm_purchase TO journey;

\connect analytics
SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO analytics', tablename) FROM pg_tables
WHERE schemaname = 'public' AND tablename ~ '^(inbox|analytics)_' \gexec
GRANT SELECT ON django_migrations TO analytics;
GRANT SELECT ON inbox_processed, inbox_held, analytics_daily, analytics_event TO journey;

\connect notifications
SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO notifications', tablename) FROM pg_tables
WHERE schemaname = 'public' AND tablename ~ '^(inbox|notifications)_' \gexec
GRANT SELECT ON django_migrations TO notifications;
GRANT SELECT ON inbox_processed, inbox_held, notifications_welcome_mail TO journey;

-- One database a service: Kafka is all they share. And one role a service, none of which owns anything: "migrations" does.
-- Safe to run again: then it sets the passwords as they are given now.
SELECT format('CREATE ROLE %I LOGIN', role)
FROM unnest('{migrations,shop,relay,crm,analytics,notifications,journey}'::text[]) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec

\set migrations `printenv MIGRATIONS_PASSWORD`
\set shop `printenv SHOP_PASSWORD`
\set relay `printenv RELAY_PASSWORD`
\set crm `printenv CRM_PASSWORD`
\set analytics `printenv ANALYTICS_PASSWORD`
\set notifications `printenv NOTIFICATIONS_PASSWORD`
\set journey `printenv JOURNEY_PASSWORD`
ALTER ROLE migrations PASSWORD :'migrations';
ALTER ROLE shop PASSWORD :'shop';
ALTER ROLE relay PASSWORD :'relay';
ALTER ROLE crm PASSWORD :'crm';
ALTER ROLE analytics PASSWORD :'analytics';
ALTER ROLE notifications PASSWORD :'notifications';
ALTER ROLE journey PASSWORD :'journey';

SELECT format('CREATE DATABASE %I OWNER migrations', name)
FROM unnest('{shop,crm,analytics,notifications}'::text[]) AS name
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec

REVOKE CONNECT, TEMPORARY ON DATABASE shop, crm, analytics, notifications FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO shop, relay;
GRANT CONNECT ON DATABASE crm TO crm, journey;
GRANT CONNECT ON DATABASE analytics TO analytics, journey;
GRANT CONNECT ON DATABASE notifications TO notifications, journey;

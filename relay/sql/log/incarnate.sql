-- Inserts a new token after crash recovery or a promotion emptied the table.
INSERT INTO {schema}outbox_incarnation (token)
SELECT %(token)s::uuid WHERE NOT EXISTS (SELECT FROM {schema}outbox_incarnation)
RETURNING token::text

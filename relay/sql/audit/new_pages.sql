-- Which pages of ids have events of transactions that were open at a moment, or began later. {bits}: how many ids
-- a page has, as a power of two.
SELECT DISTINCT id >> {bits} FROM {schema}outbox_event WHERE xid >= %(xmin)s::xid8

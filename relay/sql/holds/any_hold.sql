-- Whether there is any hold: mostly not, and then the keys of a page need not be asked for.
SELECT EXISTS (SELECT FROM {schema}outbox_hold)

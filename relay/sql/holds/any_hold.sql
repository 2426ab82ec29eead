-- Whether there is any hold. Usually there is none, and then the keys of a page need no look-up.
SELECT EXISTS (SELECT FROM {schema}outbox_hold)

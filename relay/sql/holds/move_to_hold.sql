-- Moves an event, and later events of its key, from the hold of a topic to another hold.
UPDATE {schema}outbox_held AS held
SET hold_id = %(target)s
FROM {schema}outbox_event AS event
WHERE held.hold_id = %(hold)s AND event.id = held.event_id AND held.hold_id <> %(target)s
  AND (event.id = %(event)s OR (%(key_too)s AND event.topic = %(topic)s AND event.key = %(key)s))

"""The statements of the hot path. ``{schema}`` is empty or a quoted schema with its dot."""

from __future__ import annotations

# One event: VALUES is twice as fast as unnest here, with a fifth of the text to parse.
INSERT_EVENT = """
INSERT INTO {schema}outbox_event (bucket, topic, key, type, subject, event_id, payload, headers, source,
                                   content_type)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, 'application/json')
"""

# Some: nine parameters however many rows. They are sorted before their ids are drawn.
INSERT_EVENTS = """
INSERT INTO {schema}outbox_event (bucket, topic, key, type, subject, event_id, payload, headers, source,
                                   content_type)
SELECT bucket, topic, key, type, subject, event_id, payload, headers::jsonb, source, 'application/json'
FROM unnest(%s::smallint[], %s::text[], %s::text[], %s::text[], %s::text[],
            %s::uuid[], %s::bytea[], %s::text[], %s::text[])
     WITH ORDINALITY
     AS _ (bucket, topic, key, type, subject, event_id, payload, headers, source, place)
ORDER BY place
"""

# Many: COPY draws the ids row by row. Its data is what copy_format makes.
COPY_EVENTS = """
COPY {schema}outbox_event (bucket, topic, key, type, subject, event_id, payload, headers, source,
                            content_type)
FROM STDIN (FORMAT binary)
"""

ROW_SECURITY = "SELECT row_security_active(%s)"

# The locks are taken in the order of their numbers, so that two calls never wait for each other in a circle.
SERIALIZE_KEYS = """
SELECT pg_current_xact_id()::text, number, pg_advisory_xact_lock(%s, number)
FROM (SELECT DISTINCT hashtext(key) AS number FROM unnest(%s::text[]) AS key ORDER BY number) AS locks
"""

"""What the handlers write. Nothing here forbids an effect to come twice: that is for the checker to see."""

from __future__ import annotations

TABLES = """
    CREATE TABLE torture_effect (
        id bigserial PRIMARY KEY, event_id uuid NOT NULL, topic text NOT NULL, partition int NOT NULL,
        key text NOT NULL, n bigint NOT NULL CONSTRAINT number CHECK (n > 0), behind bigint NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE INDEX ON torture_effect (topic, key, id);
    CREATE INDEX ON torture_effect (at);
    CREATE TABLE torture_gathered (event_id uuid NOT NULL);
    CREATE TABLE torture_antidote (event_id uuid PRIMARY KEY);
    CREATE TABLE torture_attempt (
        event_id uuid NOT NULL, pid int NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE FUNCTION torture_note_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO torture_attempt (event_id, pid)
        VALUES (NEW.event_id::uuid, split_part(current_setting('application_name'), ' ', 2)::int);
        RETURN NULL;
    END $$;
    CREATE TRIGGER torture_note_attempt AFTER UPDATE ON inbox_held FOR EACH ROW
    WHEN (NEW.attempts > OLD.attempts AND NEW.error LIKE 'the process died%')
    EXECUTE FUNCTION torture_note_attempt()
"""
TAKE_EFFECT = """
    INSERT INTO torture_effect (event_id, topic, partition, key, n, behind)
    SELECT %(event_id)s, %(topic)s, %(partition)s, %(key)s, %(n)s, coalesce((
        SELECT n FROM torture_effect WHERE topic = %(topic)s AND key = %(key)s ORDER BY id DESC LIMIT 1
    ), 0)
"""
"""``behind`` is the effect of the key that came last, as far as this transaction can see."""
GATHER = "INSERT INTO torture_gathered (event_id) SELECT unnest(%s::uuid[])"
FIND_ANTIDOTE = "SELECT FROM torture_antidote WHERE event_id = %s"
READ_EFFECTS = "SELECT event_id, topic, key, n, behind FROM torture_effect ORDER BY id"
NEWEST = "SELECT max(id) FROM torture_effect"
READ_ATTEMPTS = "SELECT event_id, pid, at FROM torture_attempt"
READ_OFFSETS = 'SELECT topic, partition, "offset" FROM inbox_offset'

-- One chunk of what was handled before the cutoff. SKIP LOCKED: two of these at once share the work.
DELETE FROM inbox_processed
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM inbox_processed
    WHERE processed_at < %(before)s
    ORDER BY processed_at
    LIMIT %(chunk)s
    FOR UPDATE SKIP LOCKED
))

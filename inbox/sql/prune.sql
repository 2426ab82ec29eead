-- One chunk of what was handled before the cutoff. SKIP LOCKED: two of these at once share the work. What is
-- still held is remembered: delivered again, it would be handled twice.
DELETE FROM inbox_processed
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM inbox_processed
    WHERE processed_at < %(before)s
      AND NOT EXISTS (
          SELECT FROM inbox_held AS held
          WHERE held.consumer = inbox_processed.consumer AND held.source = inbox_processed.source
            AND held.event_id = inbox_processed.event_id AND held.discarded_at IS NULL
      )
    ORDER BY processed_at
    LIMIT %(chunk)s
    FOR UPDATE SKIP LOCKED
))

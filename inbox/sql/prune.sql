-- Deletes one chunk of the notes before a time. SKIP LOCKED: two runs at once share the work. The notes of held
-- events stay, because such an event, if delivered again, would be handled twice.
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

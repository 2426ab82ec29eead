-- Stores the next offsets of partitions. A row that is lower than the offset that this process stored last, or that
-- belongs to another topic, is not changed: then the caller gets fewer rows than partitions. The row stays locked until
-- the transaction ends, so a member that lost the partition and the next owner wait for each other. An offset never
-- decreases.
UPDATE inbox_offset AS stored
SET "offset" = greatest(stored."offset", moved.next), updated_at = statement_timestamp()
FROM json_to_recordset(%(moves)s)
     AS moved (topic text, partition integer, last bigint, topic_id uuid, next bigint)
WHERE stored.consumer = %(consumer)s AND stored.topic = moved.topic AND stored.partition = moved.partition
  AND stored."offset" >= moved.last AND stored.topic_id IS NOT DISTINCT FROM moved.topic_id

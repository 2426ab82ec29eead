-- These partitions are done up to here. A row that is lower than what this process stored last, or that counts in
-- another topic, is left alone: whoever asks then sees fewer rows than partitions. The row stays locked until the
-- transaction ends, so a member that lost the partition and its successor take turns. It never moves backward.
UPDATE inbox_offset AS stored
SET "offset" = greatest(stored."offset", moved.next), updated_at = statement_timestamp()
FROM json_to_recordset(%(moves)s)
     AS moved (topic text, partition integer, last bigint, topic_id uuid, next bigint)
WHERE stored.consumer = %(consumer)s AND stored.topic = moved.topic AND stored.partition = moved.partition
  AND stored."offset" >= moved.last AND stored.topic_id IS NOT DISTINCT FROM moved.topic_id

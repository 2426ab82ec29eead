"""An audit that does not end: it follows what is published, and looks again at what it has proved.

Its parts take turns, in small steps. Each finds what the others cannot find soon, or not at this cost.

``Following`` reads what is new on both sides, once: the events that were published since the last cycle, and
the records behind the last offsets. All is proved up to the time at which a complete cycle began.

``Rows`` counts the proved events that the log still has: the newest two million, and as many older ones by
turns. The database compares one bit for each, along the primary key. A deleted row is found in the second
cycle, so within a minute.

``Offsets`` compares where each partition begins and ends. Kafka deletes records from the beginning of a
partition (``kafka-delete-records.sh``), with their topic, or at the end (an unclean election). Each of these
moves an offset, so no record has to be read.

A whole ``Audit`` in the background, for a twentieth of the time, finds what is left: holes of a topic that
was compacted for a while, bytes that were changed later, a topic that was made again and has as many records
as before, and events out of order. It also is the judge: a difference stays until a whole audit that began
later does not find it.
"""

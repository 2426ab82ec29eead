-- What the session with this backend pid waits for, with each session that holds a lock which it wants, if its
-- statement began at least so many seconds ago. A prepared transaction has the number 0. Of sessions of other roles,
-- PostgreSQL tells only the number.
SELECT waiting.wait_event_type = 'Lock', waiting.wait_event = 'SyncRep', blocker.number,
       activity.application_name, activity.state,
       extract(epoch FROM clock_timestamp() - activity.xact_start)::int8
FROM pg_stat_activity AS waiting
LEFT JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocker (number) ON true
LEFT JOIN pg_stat_activity AS activity ON activity.pid = blocker.number
WHERE waiting.pid = %(pid)s AND waiting.state <> 'idle' AND waiting.datname = current_database()
  AND extract(epoch FROM clock_timestamp() - waiting.query_start) >= %(seconds)s
ORDER BY activity.xact_start

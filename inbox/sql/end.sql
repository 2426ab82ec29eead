-- Ends a unit of work. No row: the transaction is not the one that was begun, somebody has rolled that back.
DELETE FROM inbox_unit WHERE id = %(unit)s

-- Ends a unit of work. If no row is deleted, a handler has rolled back the transaction of this unit.
DELETE FROM inbox_unit WHERE id = %(unit)s

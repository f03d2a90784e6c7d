"""The database that the record, and all that hangs on it, is kept in."""

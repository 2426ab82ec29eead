"""What commands and admins of both sides share: the ledger, reports, and work over many rows."""
